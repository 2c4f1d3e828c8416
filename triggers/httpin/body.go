package httpin

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// readBody reads a body of at most limit bytes as sent, and at most maxEventBody
// inflated.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	raw := http.MaxBytesReader(nil, r.Body, limit)
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		body, err := io.ReadAll(raw)
		return body, bodyProblem(err, limit)
	case "gzip":
		return inflate(raw, limit)
	default:
		return nil, &problem{Status: http.StatusUnsupportedMediaType, Detail: fmt.Sprintf("Content-Encoding %.40q is not read: send gzip or none", encoding)}
	}
}

func inflate(raw io.Reader, limit int64) ([]byte, error) {
	z, err := gzip.NewReader(raw)
	if err != nil {
		return nil, bodyProblem(err, limit)
	}
	body, err := io.ReadAll(io.LimitReader(z, maxEventBody+1))
	if err == nil && len(body) > maxEventBody {
		return nil, tooLarge(maxEventBody, "inflated ")
	}
	return body, bodyProblem(err, limit)
}

func bodyProblem(err error, limit int64) error {
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &large):
		return tooLarge(limit, "")
	}
	return &problem{Status: http.StatusBadRequest, Detail: fmt.Sprintf("the body can not be read: %v", err)}
}

func tooLarge(limit int64, what string) error {
	return &problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("the %sbody has more than %d bytes: send less at a time", what, limit)}
}

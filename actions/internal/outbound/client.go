// Package outbound holds what every HTTP client of an action has in common: the
// settings block that Prometheus users know, with Ripcord's limits on it.
package outbound

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/common/config"
)

// UserAgent is what every call of an action says it is.
const UserAgent = "ripcord"

// Settings is the client configuration of ripcord.yml made ready: the defaults of
// prometheus/common, relative files meant from dir, redirects never followed. It
// refuses secrets that stand in the file itself, and proxies, because behind a
// proxy nobody can check the address that is dialled.
func Settings(c *config.HTTPClientConfig, dir string) (config.HTTPClientConfig, error) {
	if c == nil {
		c = &config.HTTPClientConfig{}
	}
	out := *c
	out.EnableHTTP2, out.FollowRedirects = false, false
	if err := errors.Join(inline(out), proxied(out)); err != nil {
		return out, err
	}
	if err := out.Validate(); err != nil {
		return out, err
	}
	out.SetDirectory(dir)
	return out, nil
}

// inline gathers the secrets that are written out.
func inline(c config.HTTPClientConfig) error {
	written := map[string]bool{
		"tls_config.key": c.TLSConfig.Key != "",
		"bearer_token":   c.BearerToken != "",
	}
	if a := c.Authorization; a != nil {
		written["authorization.credentials"] = a.Credentials != ""
	}
	if b := c.BasicAuth; b != nil {
		written["basic_auth.password"] = b.Password != ""
	}
	if o := c.OAuth2; o != nil {
		written["oauth2.client_secret"] = o.ClientSecret != ""
		written["oauth2.client_certificate_key"] = o.ClientCertificateKey != ""
		written["oauth2.tls_config.key"] = o.TLSConfig.Key != ""
	}
	if c.HTTPHeaders != nil {
		for name, h := range c.HTTPHeaders.Headers {
			written["http_headers."+name+".secrets"] = len(h.Secrets) > 0
		}
	}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(written)) {
		if written[key] {
			errs = append(errs, fmt.Errorf("%s is a secret: put it into a file and name the file with %s", key, inFile(key)))
		}
	}
	return errors.Join(errs...)
}

func inFile(key string) string {
	key = key[strings.LastIndexByte(key, '.')+1:]
	if key == "secrets" {
		return "files"
	}
	return key + "_file"
}

func proxied(c config.HTTPClientConfig) error {
	proxies := []config.ProxyConfig{c.ProxyConfig}
	if c.OAuth2 != nil {
		proxies = append(proxies, c.OAuth2.ProxyConfig)
	}
	for _, p := range proxies {
		if p.ProxyURL.URL != nil || p.ProxyFromEnvironment {
			return errors.New("proxy_url and proxy_from_environment are not supported: the dialled address could not be checked")
		}
	}
	return nil
}

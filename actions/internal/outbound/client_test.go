package outbound

import (
	"strings"
	"testing"

	"github.com/prometheus/common/config"
)

func TestSettings(t *testing.T) {
	got, err := Settings(nil, "/etc/ripcord")
	if err != nil || got.FollowRedirects || got.EnableHTTP2 {
		t.Errorf("no settings: %+v, error %v", got, err)
	}
	basic := &config.BasicAuth{Username: "u", PasswordFile: "secret"}
	got, err = Settings(&config.HTTPClientConfig{BasicAuth: basic, FollowRedirects: true}, "/etc/ripcord")
	if err != nil || got.FollowRedirects || got.BasicAuth.PasswordFile != "/etc/ripcord/secret" {
		t.Errorf("%+v, error %v", got.BasicAuth, err)
	}
}

func TestSecretsAreNamedNotWritten(t *testing.T) {
	_, err := Settings(&config.HTTPClientConfig{
		BearerToken:   "hush",
		Authorization: &config.Authorization{Credentials: "hush"},
		BasicAuth:     &config.BasicAuth{Password: "hush"},
		TLSConfig:     config.TLSConfig{Key: "hush"},
		OAuth2:        &config.OAuth2{ClientSecret: "hush", ClientCertificateKey: "hush", TLSConfig: config.TLSConfig{Key: "hush"}},
		HTTPHeaders:   &config.Headers{Headers: map[string]config.Header{"X-Key": {Secrets: []config.Secret{"hush"}}}},
	}, "")
	if err == nil {
		t.Fatal("secrets in the file are taken")
	}
	for _, want := range []string{
		"bearer_token_file", "credentials_file", "password_file", "tls_config.key ", "key_file",
		"client_secret_file", "client_certificate_key_file", "oauth2.tls_config.key ", "http_headers.X-Key.secrets",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q", want)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("the error prints a secret: %v", err)
	}
}

package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"

	"github.com/visorfs/visorfs/visclient"
)

// connect returns a client of a server that is there and takes the user's keys.
func (s *settings) connect(ctx context.Context) (*visclient.Client, error) {
	o, err := s.resolve()
	if err != nil {
		return nil, err
	}
	s.printWarnings()
	if err := requireKeys(o); err != nil {
		return nil, err
	}
	client, err := visclient.New(o)
	if err != nil {
		return nil, err
	}
	return client, checkAccess(ctx, client)
}

// requireKeys says how to give what is missing.
func requireKeys(o visclient.Options) error {
	if o.AccessKey != "" && o.SecretKey != "" {
		return nil
	}
	missing := "access key"
	if o.AccessKey != "" {
		missing = "secret key"
	}
	return usageError{fmt.Errorf("no %s; set VISOR_ACCESS_KEY and VISOR_SECRET_KEY, write a %s, or give --access-key and --secret-key-file (or --secret-key)", missing, visclient.ConfigFileName)}
}

// checkAccess asks the server whether it will answer this user, and says what to do
// if not.
func checkAccess(ctx context.Context, client *visclient.Client) error {
	err := client.CheckAccess(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, visclient.ErrClock):
		return fmt.Errorf("%s refuses the request: %w; set the clock that is wrong, then check the keys", client.URL(), err)
	case errors.Is(err, visclient.ErrForbidden):
		return fmt.Errorf("%s refuses the access key %q: %w; check --access-key and --secret-key (or VISOR_ACCESS_KEY, VISOR_SECRET_KEY, --secret-key-file, %s)",
			client.URL(), client.AccessKey(), err, visclient.ConfigFileName)
	case errors.Is(err, visclient.ErrNotVIS):
		return fmt.Errorf("%w; check --url (or --host and --port)", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens at %s: %w; start the server, or check --url (or --host and --port)", client.URL(), err)
	}
	return fmt.Errorf("cannot use %s: %w%s", client.URL(), err, hint(client, err))
}

// hint says what may help against an error on the way to a server.
func hint(client *visclient.Client, err error) string {
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		lookup    *net.DNSError
		reply     *visclient.Error
	)
	switch {
	case errors.As(err, &authority):
		return "; if you trust the server, give the certificate of its authority with --ca-file"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "; have the server's certificate renewed, or set this machine's clock"
	case errors.As(err, &name):
		return "; use the name in --url that the certificate is for"
	case errors.Is(err, visclient.ErrNotTLS):
		return "; use --url http://" + hostOf(client) + ", or another port"
	case errors.As(err, &lookup):
		return "; check the name in --url (or --host)"
	case errors.As(err, &reply) && reply.StatusCode == http.StatusBadRequest && strings.HasPrefix(client.URL(), "http:"):
		return "; if the server speaks https, use --url https://" + hostOf(client)
	}
	return "; check --url (or --host and --port), and the network"
}

func hostOf(client *visclient.Client) string {
	_, host, _ := strings.Cut(client.URL(), "://")
	return host
}

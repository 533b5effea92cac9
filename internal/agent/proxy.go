package agent

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"fieldpost/internal/config"
	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

// proxyOf returns the function that tells the link which proxy to go through. It
// reads the credentials anew each time.
func proxyOf(hub config.Hub) func(addr string) (uplink.Proxy, error) {
	switch hub.Proxy {
	case "":
		return nil
	case config.ProxyFromEnvironment:
		return environmentProxy
	default:
		return func(string) (uplink.Proxy, error) {
			login, f := readLogin(hub.ProxyCredentialsFile)
			if f != nil {
				return uplink.Proxy{}, f
			}
			u, err := url.Parse(hub.Proxy)
			if err != nil {
				return uplink.Proxy{}, err
			}
			return uplink.Proxy{Addr: u.Host, Login: login}, nil
		}
	}
}

// environmentProxy asks HTTPS_PROXY and NO_PROXY, in upper or lower case. What
// they say may hold a password, so that it is not shown.
func environmentProxy(addr string) (uplink.Proxy, error) {
	const hint = "HTTPS_PROXY is http://host:port, with user:password@ before the host where the proxy wants them"
	u, err := proxyOfEnvironment(addr)
	switch {
	case err == nil && u == nil:
		return uplink.Proxy{}, nil
	case err != nil || u.Scheme != "http" || u.Hostname() == "", strings.Contains(u.Path+u.RawQuery+u.Fragment, "@"):
		// With a sign in it that ends the host, a password is taken for host and path.
		return uplink.Proxy{}, newFault("hub.proxy", hint, errors.New("HTTPS_PROXY of the environment is not http://host:port"))
	}
	via := uplink.Proxy{Addr: u.Host}
	if u.Port() == "" {
		via.Addr = net.JoinHostPort(u.Hostname(), "80")
	}
	if u.User != nil {
		password, _ := u.User.Password()
		via.Login = auth.NewLogin(u.User.Username() + ":" + password)
	}
	return via, nil
}

func readLogin(path string) (auth.Login, *fault) {
	const key, hint = "hub.proxy_credentials_file", "one line user:password, as the proxy knows them"
	if path == "" {
		return auth.Login{}, nil
	}
	text, err := readSmall(path)
	if err != nil {
		return auth.Login{}, newFault(key, hint, err)
	}
	login, err := auth.ParseLogin(string(text))
	if err != nil {
		return auth.Login{}, newFault(key, hint, fmt.Errorf("%s: %w", path, err))
	}
	return login, nil
}

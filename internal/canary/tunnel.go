package canary

import (
	"io"
	"net"
	"sync"
)

// Tunnel answers the CONNECT of a client whom a proxy lets through: its connection
// leads to an address, and open counts it until both ends are closed.
func Tunnel(in net.Conn, to string, open *sync.WaitGroup) {
	out, err := net.Dial("tcp", to)
	if err != nil {
		_, _ = io.WriteString(in, "HTTP/1.1 502 Bad Gateway\r\n\r\n")
		in.Close()
		return
	}
	_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
	open.Go(func() { _, _ = io.Copy(out, in); out.Close() })
	open.Go(func() { _, _ = io.Copy(in, out); in.Close() })
}

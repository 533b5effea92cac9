module fieldpost

go 1.25.0

require (
	github.com/Azure/go-amqp v1.7.0
	github.com/klauspost/compress v1.18.2
	github.com/pelletier/go-toml/v2 v2.2.4
	github.com/rogpeppe/go-internal v1.14.1
	github.com/warthog618/go-gpiocdev v0.9.1
	go.etcd.io/bbolt v1.5.0
	golang.org/x/sys v0.45.0
	periph.io/x/conn/v3 v3.7.3
	periph.io/x/devices/v3 v3.7.4
)

require (
	golang.org/x/tools v0.36.0 // indirect
	periph.io/x/host/v3 v3.8.5 // indirect
)

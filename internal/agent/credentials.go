package agent

import (
	"os"
	"path/filepath"

	"fieldpost/internal/config"
)

// credentialsVar names the folder of the credentials that systemd hands to a service:
// systemd.exec(5), LoadCredential=.
const credentialsVar = "CREDENTIALS_DIRECTORY"

// handedOver returns hub with the files that systemd has handed over in place of those
// it names, which only root may read. Of a folder /etc/fieldpost/keys handed over as
// "keys", the file connection-string is the credential keys_connection-string.
func handedOver(hub config.Hub, credentials string) config.Hub {
	if credentials == "" {
		return hub
	}
	for _, path := range []*string{
		&hub.ConnectionStringFile, &hub.CAFile, &hub.SASTokenFile, &hub.CertificateFile, &hub.KeyFile, &hub.ProxyCredentialsFile,
	} {
		dir, name := filepath.Split(*path)
		credential := filepath.Join(credentials, filepath.Base(dir)+"_"+name)
		if info, err := os.Stat(credential); err == nil && info.Mode().IsRegular() {
			*path = credential
		}
	}
	return hub
}

// forbiddenHint is the next move about a file that the agent may not read.
func forbiddenHint() string {
	if os.Getenv(credentialsVar) != "" {
		return "as root: ls -l shows whether it is there, systemctl status -n 30 fieldpost-handover why it was not handed over; put that right, and the agent is started again"
	}
	return "ask again as root or as the agent's user; if that user is refused too, let it have the file: chown or chgrp"
}

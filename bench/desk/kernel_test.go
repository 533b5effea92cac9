package desk

import "testing"

func TestParseTCP(t *testing.T) {
	const snmp = `Ip: Forwarding DefaultTTL
Ip: 2 64
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs InErrs
Tcp: 1 200 120000 -1 17 3 0 0 1 400 500 9 0
Udp: InDatagrams
Udp: 0
`
	got, err := parseTCP(snmp)
	if err != nil || got != (TCP{Dials: 17, Resends: 9}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parseTCP("Tcp: ActiveOpens\nTcp: 1\n"); err == nil {
		t.Error("a kernel that does not count segments passes")
	}
}

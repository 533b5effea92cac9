package wire

// SASLMechanisms is the server's offer (spec 5.3.3.1).
type SASLMechanisms struct {
	Mechanisms []Symbol
}

// SASLInit is the client's choice (spec 5.3.3.2).
type SASLInit struct {
	Mechanism       Symbol
	InitialResponse []byte // nil when absent
	Hostname        string
}

// SASLChallenge carries security data of the server (spec 5.3.3.3).
type SASLChallenge struct {
	Challenge []byte
}

// SASLResponse carries security data of the client (spec 5.3.3.4).
type SASLResponse struct {
	Response []byte
}

// SASLOutcome ends the SASL exchange (spec 5.3.3.5).
type SASLOutcome struct {
	Code           uint8
	AdditionalData []byte // nil is absent
}

// Codes of a SASLOutcome (spec 5.3.3.6).
const (
	SASLCodeOK      uint8 = 0
	SASLCodeAuth    uint8 = 1
	SASLCodeSys     uint8 = 2
	SASLCodeSysPerm uint8 = 3
	SASLCodeSysTemp uint8 = 4
)

func (p *SASLMechanisms) write(w *fieldWriter) { w.symbols(p.Mechanisms) }
func (p *SASLMechanisms) read(f *fields) {
	f.must("sasl-server-mechanisms", f.symbols(&p.Mechanisms))
}

func (p *SASLInit) write(w *fieldWriter) {
	w.wrote(appendSymbol(w.b, p.Mechanism))
	w.binary(p.InitialResponse)
	w.text(p.Hostname)
}

func (p *SASLInit) read(f *fields) {
	f.must("mechanism", f.symbol(&p.Mechanism))
	f.binary(&p.InitialResponse)
	f.string(&p.Hostname)
}

func (p *SASLChallenge) write(w *fieldWriter) { w.wrote(appendBinary(w.b, p.Challenge)) }
func (p *SASLChallenge) read(f *fields)       { f.must("challenge", f.binary(&p.Challenge)) }

func (p *SASLResponse) write(w *fieldWriter) { w.wrote(appendBinary(w.b, p.Response)) }
func (p *SASLResponse) read(f *fields)       { f.must("response", f.binary(&p.Response)) }

func (p *SASLOutcome) write(w *fieldWriter) {
	w.uint8(p.Code)
	w.binary(p.AdditionalData)
}

func (p *SASLOutcome) read(f *fields) {
	f.must("code", f.uint8(&p.Code))
	f.binary(&p.AdditionalData)
}

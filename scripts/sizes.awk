# Sums what "go tool nm -size" lists, by part of the program. Give it the listing
# twice: the first reading finds the borders of the sections. total is the size
# of the stripped file.

function hex(s,    n, i) {
	n = 0
	for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1
	return n
}

function part(name) {
	if (name ~ /^fieldpost\/(hub|internal\/amqpserver|internal\/wsserver|internal\/service)/) return "ours: the hub, for demo and selftest"
	if (name ~ /^(fieldpost\/|main\.)/) return "ours: everything else"
	if (name ~ /^github\.com\/Azure\/go-amqp/) return "go-amqp"
	if (name ~ /^go\.etcd\.io\/bbolt/) return "bbolt"
	if (name ~ /^periph\.io\//) return "periph"
	if (name ~ /^github\.com\/pelletier\/go-toml/) return "go-toml"
	if (name ~ /^crypto[\/.]/ || name ~ /^vendor\/golang\.org\/x\/crypto/) return "TLS and crypto"
	if (name ~ /^net\/http/ || name ~ /^vendor\/golang\.org\/x\/net\/(http|idna)/) return "net/http"
	if (name ~ /^runtime[\/.]/ || name ~ /^internal\/runtime/) return "Go runtime"
	if (name ~ /^[a-z0-9-]+\.[a-z]+\//) return "other modules"
	return "rest of the standard library"
}

FNR == NR {
	if ($4 ~ /^runtime\.e?(text|types|pclntab|noptrdata|data)$/) border[$4] = hex($1)
	next
}

{
	at = hex($1)
	text = at >= border["runtime.text"] && at < border["runtime.etext"]
	data = at >= border["runtime.noptrdata"] && at < border["runtime.edata"]
	if (text || data) size[part($4)] += $2
}

END {
	size["types and constants, all parts"] = border["runtime.etypes"] - border["runtime.types"]
	size["line tables, all parts"] = border["runtime.epclntab"] - border["runtime.pclntab"]
	for (p in size) known += size[p]
	size["rest of the file"] = total - known
	for (p in size) printf "%10d  %5.1f %%  %s\n", size[p], 100 * size[p] / total, p
	printf "%10d  100.0 %%  the file, stripped\n", total
}

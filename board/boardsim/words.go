package boardsim

import "math"

// words writes numbers as words, the high byte first.
func words(numbers ...int) []byte {
	var b []byte
	for _, n := range numbers {
		b = append(b, byte(n>>8), byte(n))
	}
	return b
}

// checked writes numbers as words with Sensirion's checksum behind each
// (polynomial 0x31 from 0xff).
func checked(numbers ...int) []byte {
	var b []byte
	for _, n := range numbers {
		w := []byte{byte(n >> 8), byte(n)}
		b = append(b, w[0], w[1], crc8(w))
	}
	return b
}

// crc8 divides bit by bit, as the datasheets draw it.
func crc8(data []byte) byte {
	rest := 0xFF
	for _, b := range data {
		rest ^= int(b)
		for range 8 {
			rest <<= 1
			if rest > 0xFF {
				rest ^= 0x131
			}
		}
	}
	return byte(rest)
}

// count is x on a scale of so many steps from lo over span, cut off at its ends.
func count(x, lo, span, steps float64) int {
	return int(math.Round(min(max((x-lo)/span, 0), 1) * steps))
}

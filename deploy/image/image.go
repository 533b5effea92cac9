// Package image holds the exact versions of what an SD card is made of. The agent
// on it is not built here: scripts/image.sh puts there what scripts/cross-build.sh
// makes.
package image

import (
	_ "github.com/gokrazy/firmware"
	_ "github.com/gokrazy/gokrazy"
	_ "github.com/gokrazy/kernel.rpi"
)

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
)

// systemBlocks is how much of the image comes before the permanent partition, in blocks
// of 4 MiB: that of a newer version is written over a card in use.
const systemBlocks = permanentAt / (4 << 20)

// rewrite writes the image over the card, up to the permanent partition.
func (c *card) rewrite(ctx context.Context) error {
	return command(ctx, "dd", "if="+c.image, "of="+c.file, "bs=4M", fmt.Sprintf("count=%d", systemBlocks), "conv=notrunc", "status=none")
}

// again writes the system of a provisioned card anew.
func (p *proof) again(ctx context.Context) error {
	before, err := p.card.kept(ctx, filepath.Join(p.work, "before"))
	if err != nil {
		return err
	}
	if err := p.card.rewrite(ctx); err != nil {
		return err
	}
	state, err := p.card.provisioned(ctx, filepath.Join(p.work, "again"))
	if err != nil {
		return err
	}
	after, err := p.card.kept(ctx, filepath.Join(p.work, "after"))
	if err != nil {
		return err
	}
	slices.Sort(before)
	slices.Sort(after)
	p.check("the image written again, up to the permanent partition", "the files in force and all records stay",
		fmt.Sprintf("%s; %d of %d records", state, len(after), len(before)), state == inForce && slices.Equal(before, after))
	return nil
}

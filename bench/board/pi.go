package main

import "context"

func provePi(ctx context.Context, b *bed) error    { return nil }
func proveLines(ctx context.Context, b *bed) error { return nil }

package config

import "fieldpost/sensors/catalog"

func sourceNames() []string {
	var names []string
	for _, s := range catalog.Sources() {
		names = append(names, s.Name)
	}
	return names
}

package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"fieldpost/uplink/auth"
)

func TestParseConnectionString(t *testing.T) {
	for _, v := range []struct{ in, want string }{
		{"HostName=h.azure-devices.net;DeviceId=gw;SharedAccessKey=a2V5", "h.azure-devices.net/devices/gw"},
		{"\ufeff  deviceid=gw;SHAREDACCESSKEY=a2V5==;hostname=h;\r\n", "h/devices/gw"},
		{"HostName=h;DeviceId=gw;SharedAccessKey=a2V5", "h/devices/gw"},
		{"HostName=h;DeviceId=a b#1;SharedAccessKey=a2V5", ""},
		{"HostName=h;DeviceId=a#1%;SharedAccessKey=a2V5", "h/devices/a%231%25"},
		{"HostName=localhost:5679;DeviceId=gw;ModuleId=m;SharedAccessKey=a2V5;GatewayHostName=edge", "localhost:5679/devices/gw/modules/m"},
		{"HostName=h;SharedAccessKeyName=service;SharedAccessKey=a2V5", "h"},
		{"HostName=h;DeviceId=gw;x509=true", "h/devices/gw"},
		{"HostName=h;DeviceId=gw", "h/devices/gw"},
		{"HostName=h;DeviceId=gw;SharedAccessSignature=SharedAccessSignature sr=a&sig=b%3D&se=1", "h/devices/gw"},
	} {
		c, err := auth.ParseConnectionString(v.in)
		switch {
		case v.want == "" && err == nil:
			t.Errorf("%q: no error", v.in)
		case v.want != "" && strings.Contains(v.in, "a2V5==") && err == nil:
			t.Errorf("%q: base64 with too much padding was accepted", v.in)
		case v.want != "" && !strings.Contains(v.in, "a2V5==") && (err != nil || c.Audience() != v.want):
			t.Errorf("%q: audience %q, err %v, want %q", v.in, c.Audience(), err, v.want)
		}
	}
}

func TestParseConnectionStringFields(t *testing.T) {
	c, err := auth.ParseConnectionString("Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=service;SharedAccessKey=a2V5;EntityPath=fieldpost")
	if err != nil || c.Endpoint != "sb://ns.servicebus.windows.net/" || c.EntityPath != "fieldpost" || c.SharedAccessKeyName != "service" {
		t.Errorf("Event Hubs form: %+v, %v", c, err)
	}
	c, err = auth.ParseConnectionString("HostName=h;DeviceId=d;x509=TRUE;GatewayHostName=g")
	if err != nil || !c.X509 || c.GatewayHostName != "g" {
		t.Errorf("X.509 form: %+v, %v", c, err)
	}
}

// What is wrong is named, and nothing that could be a secret is.
func TestParseConnectionStringErrors(t *testing.T) {
	for _, v := range []struct{ in, want string }{
		{"", "is empty"},
		{"c2VjcmV0", "part 1 is not NAME=VALUE"},
		{"c2VjcmV0PQ==", "part 1 has an unknown name"},
		{"DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName is missing"},
		{"HostName=h;SharedAccessKey=c2VjcmV0", "neither DeviceId nor SharedAccessKeyName"},
		{"HostName=h;SharedAccessKeyName=p", "SharedAccessKey is missing"},
		{"HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0!", "SharedAccessKey: shared access key is not base64"},
		{"HostName=h;DeviceId=d;SharedAccessKey=", "SharedAccessKey: is empty"},
		{"HostName=;DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName: is empty"},
		{"HostName=https://h;DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName: is not a host name"},
		{"HostName=h/x;DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName: is not a host name"},
		{"HostName=c2VjcmV0@h;DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName: is not a host name"},
		{"HostName=h;HostName=h;DeviceId=d", "HostName is there twice"},
		{"HostName=h;ModuleId=m;SharedAccessKeyName=p;SharedAccessKey=c2VjcmV0", "DeviceId is missing"},
		{"HostName=h;DeviceId=d;SharedAccessSignature=c2VjcmV0", "SharedAccessSignature: shared access signature lacks"},
		{"Endpoint=c2VjcmV0;SharedAccessKey=c2VjcmV0", "Endpoint: is not sb://"},
	} {
		_, err := auth.ParseConnectionString(v.in)
		if err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%q: error %v, want %q", v.in, err, v.want)
		}
		if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%q: the error repeats a value: %v", v.in, err)
		}
	}
}

func FuzzParseConnectionString(f *testing.F) {
	for _, s := range []string{
		"HostName=h.azure-devices.net;DeviceId=gw;SharedAccessKey=a2V5",
		"HostName=h;SharedAccessKeyName=service;SharedAccessKey=a2V5",
		"Endpoint=sb://ns/;SharedAccessKeyName=service;SharedAccessKey=a2V5;EntityPath=e",
		"HostName=[::1]:5671;DeviceId=%;x509=true", ";;;", "=", "HostName", "HostName=h;DeviceId=\xff;SharedAccessKey=a2V5",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := auth.ParseConnectionString(s)
		if err != nil {
			if len(err.Error()) > 200 {
				t.Errorf("the error is as long as what it is about: %v", err)
			}
			return
		}
		if c.HostName == "" && c.Endpoint == "" {
			t.Error("accepted without a host")
		}
		if c.DeviceID == "" && c.SharedAccessKey.IsZero() && c.SharedAccessSignature.IsZero() {
			t.Error("a service was accepted without a secret")
		}
		if strings.ContainsAny(c.Audience(), " \n\r") {
			t.Errorf("audience %q has white space", c.Audience())
		}
	})
}

func ExampleParseConnectionString() {
	c, err := auth.ParseConnectionString("HostName=hub.azure-devices.net;DeviceId=gateway-7;SharedAccessKey=a2V5LW9mLXRoZS1kZXZpY2U=")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Audience())
	fmt.Println(c.SharedAccessKey)
	_, err = auth.ParseConnectionString("HostName=hub.azure-devices.net;SharedAccessKey=a2V5")
	fmt.Println(err)
	// Output:
	// hub.azure-devices.net/devices/gateway-7
	// redacted
	// connection string: neither DeviceId nor SharedAccessKeyName is there
}

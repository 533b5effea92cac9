package service

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

func TestParseFeedback(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 15, 123456700, time.UTC)
	cases := []struct {
		name string
		body string
		want []FeedbackRecord
	}{
		{"as documented", `[{"originalMessageId":"m1","description":"Success","deviceGenerationId":"638","deviceId":"d1","enqueuedTimeUtc":"2026-03-01T12:30:15.1234567Z","statusCode":"Success"}]`,
			[]FeedbackRecord{{MessageID: "m1", DeviceID: "d1", DeviceGeneration: "638", Status: StatusSuccess, Description: "Success", At: at}}},
		{"two records", `[{"originalMessageId":"a","statusCode":"Expired"},{"originalMessageId":"b","statusCode":"Purged"}]`,
			[]FeedbackRecord{{MessageID: "a", Status: StatusExpired}, {MessageID: "b", Status: StatusPurged}}},
		{"no status code", `[{"originalMessageId":"a","description":"Message rejected"}]`,
			[]FeedbackRecord{{MessageID: "a", Status: StatusRejected, Description: "Message rejected"}}},
		{"count exceeded in words", `[{"description":"Delivery Count Exceeded"}]`,
			[]FeedbackRecord{{Status: StatusDeliveryCountExceeded, Description: "Delivery Count Exceeded"}}},
		{"nothing known", `[{"description":"?"}]`, []FeedbackRecord{{Description: "?"}}},
		{"one record without an array", ` {"originalMessageId":"a","statusCode":"Success"}`,
			[]FeedbackRecord{{MessageID: "a", Status: StatusSuccess}}},
		{"numbers and null for texts", `[{"originalMessageId":7,"deviceGenerationId":638,"deviceId":null,"statusCode":"Success"}]`,
			[]FeedbackRecord{{MessageID: "7", DeviceGeneration: "638", Status: StatusSuccess}}},
		{"time without a zone", `[{"enqueuedTimeUtc":"2026-03-01T12:30:15.1234567","statusCode":"Success"}]`,
			[]FeedbackRecord{{Status: StatusSuccess, At: at}}},
		{"unreadable time", `[{"enqueuedTimeUtc":"yesterday","statusCode":"Success"}]`, []FeedbackRecord{{Status: StatusSuccess}}},
		{"empty array", `[]`, []FeedbackRecord{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseFeedback([]byte(c.body))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
		})
	}
	for _, bad := range []string{"", "nonsense", `"text"`, `[1]`, `[{]`, `{`, "[[]]"} {
		if got, err := parseFeedback([]byte(bad)); !errors.Is(err, ErrBadFeedback) {
			t.Errorf("parse %q: got %v, %v, want ErrBadFeedback", bad, got, err)
		}
	}
}

func FuzzParseFeedback(f *testing.F) {
	f.Add([]byte(`[{"originalMessageId":"m1","description":"Success","statusCode":null}]`))
	f.Add([]byte(`{"deviceId":{"a":[1]}}`))
	f.Add([]byte(` `))
	f.Fuzz(func(t *testing.T, body []byte) {
		records, err := parseFeedback(body)
		if (records == nil) == (err == nil) {
			t.Errorf("records %v with error %v", records, err)
		}
	})
}

package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/klauspost/compress/zstd"

	"reprise/integration/deployed"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/erasures"
	"reprise/pkg/api/web"
	"reprise/pkg/local/localtest"
)

// declared is the domain's declaration in this deployment.
const declared = `package domain

import "reprise/pkg/personal/sealed"

// Personal declares the notes of customers.
func Personal() sealed.Rules {
	return sealed.Rules{"note.written": {Fields: []string{"/text"}, Subject: "/about"}}
}
`

func note(id, about, text string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/t","type":"note.written","subject":"notes-1",`+
		`"data":{"about":%q,"text":%q,"open":"%s is seen"}}`, id, about, text, id)
}

const batch = "application/cloudevents-batch+json"

// TestErasedAsDeployed: what is sealed by one function is revealed and erased by another,
// and no table has it in plain.
func TestErasedAsDeployed(t *testing.T) {
	t.Parallel()
	w := deployed.NewWith(t, map[string]any{deployed.WithPersonal: declared})
	lines := []string{note("1", "ann", "hidden-of-ann"), note("2", "bob", "hidden-of-bob"), note("3", "ann", "hidden-too")}
	for range 2 { // the second are duplicates, with the same content
		if status, answer := w.Call(http.MethodPost, "/events", batch,
			[]byte("["+strings.Join(lines, ",")+"]")); status != http.StatusAccepted {
			t.Fatalf("%d %s", status, answer)
		}
	}
	path := "/entities/" + web.EncodeEntity("notes-1")
	row := localtest.Until(w, path, func(v entities.View) bool { return v.Ignored+v.Duplicates == 6 })
	if row.Conflicts != 0 || row.Duplicates != 3 {
		t.Errorf("sent twice: %+v", row)
	}
	before := seen(t, w, path)
	for _, text := range []string{"hidden-of-ann", "hidden-of-bob", "hidden-too"} {
		if !strings.Contains(before, text) {
			t.Errorf("a reader does not see %s: %s", text, before)
		}
	}
	view := erase(t, w, "ann")
	if !view.Erased || view.Readable || len(view.Erasures) != 1 || view.Erasures[0].Who != deployed.CallerARN(eraser()) {
		t.Errorf("erased: %+v", view)
	}
	if again := erase(t, w, "ann"); !again.Repeated {
		t.Errorf("erased again: %+v", again)
	}
	// Another environment of the function may have the key for a minute.
	localtest.Until(w, path+"/events", func(page entities.HistoryPage) bool {
		text, err := json.Marshal(page)
		return err == nil && !strings.Contains(string(text), "hidden-of-ann") && strings.Contains(string(text), "$erased")
	})
	if after := seen(t, w, path); !strings.Contains(after, "hidden-of-bob") || strings.Count(after, "$erased") != 4 {
		t.Errorf("after the erasure: %s", after)
	}
	stored := tables(t, w)
	for _, text := range []string{"hidden-of-ann", "hidden-of-bob", "hidden-too"} {
		if strings.Contains(stored, text) {
			t.Errorf("a table has %s in plain", text)
		}
	}
	if !strings.Contains(stored, "1 is seen") {
		t.Error("the search of the tables does not find what is there")
	}
}

func seen(t *testing.T, w *deployed.World, path string) string {
	t.Helper()
	status, answer := w.Call(http.MethodGet, path+"/events", "", nil)
	if status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	return string(answer)
}

func eraser() string { return deployed.Key("erase").AccessKeyID }

// erase erases with the policy of the group and no other. Without it, nobody may.
func erase(t *testing.T, w *deployed.World, subject string) erasures.View {
	t.Helper()
	body := fmt.Appendf(nil, `{"subject":%q,"reason":"asked for","who":"somebody else"}`, subject)
	if status, answer := w.Call(http.MethodPost, "/erasures", "application/json", body); status != http.StatusForbidden {
		t.Errorf("without the policy: %d %s", status, answer)
	}
	status, answer := w.As("erase").Call(http.MethodPost, "/erasures", "application/json", body)
	var view erasures.View
	if err := json.Unmarshal(answer, &view); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	return view
}

// tables is the content of all tables of the deployment, decompressed.
func tables(t *testing.T, w *deployed.World) string {
	t.Helper()
	client := w.DynamoDB()
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	var all bytes.Buffer
	list, err := client.ListTables(t.Context(), &dynamodb.ListTablesInput{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list.TableNames {
		pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &name})
		for pages.HasMorePages() {
			page, err := pages.NextPage(context.WithoutCancel(t.Context()))
			if err != nil {
				t.Fatal(err)
			}
			for _, item := range page.Items {
				write(&all, decoder, item)
			}
		}
	}
	return all.String()
}

func write(all *bytes.Buffer, decoder *zstd.Decoder, item map[string]types.AttributeValue) {
	for _, value := range item {
		switch v := value.(type) {
		case *types.AttributeValueMemberS:
			all.WriteString(v.Value)
		case *types.AttributeValueMemberB:
			all.Write(v.Value)
			for at := range v.Value {
				if plain, err := decoder.DecodeAll(v.Value[at:], nil); err == nil {
					all.Write(plain)
				}
			}
		}
	}
}

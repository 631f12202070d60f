package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"reprise/pkg/event"
	"reprise/pkg/event/record"
)

func newCodec(t testing.TB) *record.Codec {
	t.Helper()
	codec, err := record.NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(codec.Close)
	return codec
}

func TestUnpackIsTheInverseOfPack(t *testing.T) {
	codec := newCodec(t)
	rapid.Check(t, func(t *rapid.T) {
		header := record.Header{Lane: event.Lane(rapid.IntRange(0, 1023).Draw(t, "lane")),
			KeepTime: rapid.Bool().Draw(t, "keep")}
		if rapid.Bool().Draw(t, "playback") {
			header.Playback = &record.Playback{Replay: "r", From: 3, To: 9, Place: json.RawMessage(`{"a":1}`)}
		}
		var lines [][]byte
		for range rapid.IntRange(1, 200).Draw(t, "events") {
			lines = append(lines, []byte(fmt.Sprintf(`{"n":%d}`, rapid.Int().Draw(t, "n"))))
		}
		data, err := codec.Pack(header, lines)
		if err != nil {
			t.Fatal(err)
		}
		gotHeader, gotLines, err := codec.Unpack(data)
		if err != nil {
			t.Fatal(err)
		}
		header.Version, header.Events = record.Version, len(lines)
		want, _ := json.Marshal(header)
		got, _ := json.Marshal(gotHeader)
		if !bytes.Equal(got, want) {
			t.Errorf("header %s, want %s", got, want)
		}
		if !bytes.Equal(bytes.Join(gotLines, []byte("\n")), bytes.Join(lines, []byte("\n"))) {
			t.Error("lines differ")
		}
	})
}

func TestLargestRecordFitsTheStream(t *testing.T) {
	codec := newCodec(t)
	// Lines that do not compress: a chain of digests.
	var lines [][]byte
	size := 0
	var digest event.Digest
	for size < record.TargetBytes {
		var line []byte
		for len(line) < 1000 {
			digest = digest.Chain(digest)
			line = append(line, digest.String()...)
		}
		lines = append(lines, line)
		size += len(line)
	}
	largest := bytes.Repeat([]byte{'x'}, event.MaxDataBytes+event.MaxAttributeBytes+4096)
	for i := range largest {
		digest = digest.Chain(digest)
		largest[i] = digest.String()[0]
	}
	data, err := codec.Pack(record.Header{}, append(lines, largest))
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 1<<20 {
		t.Errorf("the record has %d bytes", len(data))
	}
}

func TestUnpackRefusesWhatPackDoesNotWrite(t *testing.T) {
	codec := newCodec(t)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	large := append([]byte(`{"reprise":1,"lane":0,"events":1}`+"\n"), bytes.Repeat([]byte{'x'}, 3<<20)...)
	bomb := encoder.EncodeAll(large, nil)
	for name, data := range map[string][]byte{
		"nothing":            nil,
		"no header":          []byte("no record"),
		"other version":      []byte(`{"reprise":2,"lane":0,"events":1}` + "\n{}"),
		"no version":         []byte(`{"lane":0,"events":1}` + "\n{}"),
		"no events":          []byte(`{"reprise":1,"lane":0,"events":0}`),
		"fewer events":       []byte(`{"reprise":1,"lane":0,"events":2}` + "\n{}"),
		"more events":        []byte(`{"reprise":1,"lane":0,"events":1}` + "\n{}\n{}"),
		"empty line":         []byte(`{"reprise":1,"lane":0,"events":2}` + "\n{}\n"),
		"negative count":     []byte(`{"reprise":1,"lane":0,"events":-1}` + "\n{}"),
		"decompression bomb": bomb,
		"as large, plain":    large,
		"broken frame":       {0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff},
	} {
		if _, _, err := codec.Unpack(data); !errors.Is(err, record.ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
	}
}

// Pack must refuse records that Unpack would refuse, or they would be lost in a stream.
func TestPackRefusesWhatUnpackDoes(t *testing.T) {
	codec := newCodec(t)
	for name, lines := range map[string][][]byte{
		"no events":       nil,
		"too many events": slices.Repeat([][]byte{[]byte("{}")}, record.MaxEvents+1),
		"empty line":      {[]byte("{}"), nil},
		"two lines":       {[]byte("{}\n{}")},
		"too many bytes":  {bytes.Repeat([]byte{'x'}, 3<<20)},
	} {
		if data, err := codec.Pack(record.Header{}, lines); !errors.Is(err, record.ErrMalformed) || data != nil {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	if _, err := codec.Pack(record.Header{}, slices.Repeat([][]byte{[]byte("{}")}, record.MaxEvents)); err != nil {
		t.Error(err)
	}
}

func FuzzUnpack(f *testing.F) {
	codec := newCodec(f)
	data, err := codec.Pack(record.Header{Lane: 3}, [][]byte{[]byte(`{"a":1}`), bytes.Repeat([]byte("ab"), 300)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"reprise":1,"lane":0,"events":1}` + "\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		header, lines, err := codec.Unpack(data)
		if err == nil && len(lines) != header.Events {
			t.Errorf("%d lines for %d events", len(lines), header.Events)
		}
	})
}

func BenchmarkPack(b *testing.B) {
	codec := newCodec(b)
	var lines [][]byte
	size := 0
	for i := range 500 {
		lines = append(lines, []byte(fmt.Sprintf(
			`{"specversion":"1.0","id":"%d","source":"git:karpenter","type":"file.changed",`+
				`"subject":"pkg/file-%d.go","data":{"added":%d}}`, i, i%17, i%5)))
		size += len(lines[i])
	}
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := codec.Pack(record.Header{}, lines); err != nil {
			b.Fatal(err)
		}
	}
}

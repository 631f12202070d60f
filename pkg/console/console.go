package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Path is where the pages are, except for the first one, which is at /.
const Path = "/console/"

// policy lets a page load nothing but what its own origin serves: no inline script or
// style, no frame around it, no form that is sent by the browser itself.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

//go:embed assets pages
var files embed.FS

// Console serves the pages, and hands every other request on to the API. It is safe
// for concurrent use.
type Console struct {
	api    http.Handler
	about  About
	pages  *template.Template
	assets map[string]asset
	mux    *http.ServeMux
}

// About says what the pages are of.
type About struct {
	// Platform is shown in the head of each page, such as "this machine".
	Platform string
	// Flags are those that a command needs to reach the platform, such as
	// "--region eu-west-1"; "" if it is reached without.
	Flags string
}

type asset struct {
	body []byte
	kind string
	tag  string
}

// kinds are the content types of assets, whatever this machine takes file names for.
var kinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// New returns a console in front of the HTTP API of a platform.
func New(api http.Handler, about About) (*Console, error) {
	c := &Console{api: api, about: about, assets: make(map[string]asset), mux: http.NewServeMux()}
	var err error
	if c.pages, err = template.New("").Funcs(functions).ParseFS(files, "pages/*.html"); err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	if err := fs.WalkDir(files, "assets", c.load); err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	for pattern, page := range map[string]page{
		"GET /{$}":                     c.replays,
		"GET " + Path + "replays/{id}": c.replay,
		"GET " + Path + "replays/{id}/groups/{group}": c.group,
		"GET " + Path + "generations":                 c.generations,
		"GET " + Path + "verifications":               c.verifications,
		"GET " + Path + "entities":                    c.entities,
		"GET " + Path + "entities/{id}":               c.entity,
		"GET " + Path + "health":                      c.health,
		Path:                                          c.nothing,
	} {
		c.mux.Handle(pattern, c.show(page))
	}
	c.mux.HandleFunc("GET "+Path+"assets/{name}", c.serveAsset)
	return c, nil
}

func (c *Console) load(name string, entry fs.DirEntry, err error) error {
	if err != nil || entry.IsDir() {
		return err
	}
	body, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	c.assets[path.Base(name)] = asset{body, kinds[path.Ext(name)], `"` + hex.EncodeToString(digest[:12]) + `"`}
	return nil
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads && (r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, Path)) {
		c.mux.ServeHTTP(w, r)
		return
	}
	c.api.ServeHTTP(w, r)
}

// guard sets the headers that keep a page to itself.
func guard(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// serveAsset lets browsers keep assets and ask each time whether they have changed.
func (c *Console) serveAsset(w http.ResponseWriter, r *http.Request) {
	found, ok := c.assets[r.PathValue("name")]
	if !ok {
		c.show(c.nothing).ServeHTTP(w, r)
		return
	}
	guard(w.Header())
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", found.tag)
	if r.Header.Get("If-None-Match") == found.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", found.kind)
	_, _ = w.Write(found.body) // it fails only if the client is gone
}

// page makes the first view of a page.
type page func(r *http.Request) view

// view is what a page's template is given.
type view struct {
	About About
	// Name is that of the template, of the page's script, and of its link in the
	// head.
	Name, Title string
	// Subject is the id of what the page shows, "" if it is a list, and Part the number
	// of a part of it, "" for the whole.
	Subject, Part string
	Status        int
	// Problem is why there is nothing to show, "" otherwise.
	Problem string
	Data    any
}

func (c *Console) show(p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown := p(r)
		shown.About = c.about
		var text bytes.Buffer
		guard(w.Header())
		if err := c.pages.ExecuteTemplate(&text, "frame.html", shown); err != nil {
			http.Error(w, "the page could not be made", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(max(shown.Status, http.StatusOK))
		_, _ = w.Write(text.Bytes()) // it fails only if the client is gone
	})
}

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"reprise/pkg/api"
	"reprise/pkg/api/entities"
	"reprise/pkg/api/verifications"
	"reprise/pkg/api/web"
	"reprise/pkg/replay/lifecycle"
)

// firstReplays bounds the replays or verifications, and firstEvents the events that a first view shows.
const (
	firstReplays = 50
	firstEvents  = 50
	// firstPages bounds the pages of replays that are read for a first view.
	firstPages = 10
)

// replayList is the first view of the replays: those that run, and then the others.
type replayList struct {
	Status api.StatusView
	Others []lifecycle.View
}

func (c *Console) replays(r *http.Request) view {
	var shown replayList
	var listed api.ReplaysPage
	err := c.get(r.Context(), "/status", &shown.Status)
	var all []lifecycle.View
	// The list is by id, so that the newest may be on any page.
	for pages, after := 0, ""; err == nil && pages < firstPages && (pages == 0 || after != ""); pages++ {
		listed = api.ReplaysPage{}
		err = c.get(r.Context(), "/replays?limit=500"+after, &listed)
		all, after = append(all, listed.Replays...), ""
		if listed.Next != "" {
			after = "&after=" + url.QueryEscape(listed.Next)
		}
	}
	slices.SortStableFunc(all, func(a, b lifecycle.View) int { return b.Created.Compare(a.Created) })
	for _, one := range all {
		if one.Status.Ended() && len(shown.Others) < firstReplays {
			shown.Others = append(shown.Others, one)
		}
	}
	return found(view{Name: "replays", Title: "Replays", Data: shown}, err)
}

func (c *Console) replay(r *http.Request) view {
	id := r.PathValue("id")
	var shown lifecycle.View
	err := c.get(r.Context(), "/replays/"+url.PathEscape(id), &shown)
	return found(view{Name: "replay", Title: id, Subject: id, Data: shown}, err)
}

// groupView is a lane group of a replay.
type groupView struct {
	Replay string
	lifecycle.GroupProgress
	Slices int
}

func (c *Console) group(r *http.Request) view {
	id, number := r.PathValue("id"), r.PathValue("group")
	shown := view{Name: "group", Title: "Lane group " + number + " of " + id, Subject: id, Part: number}
	at, err := strconv.ParseUint(number, 10, 16)
	if err != nil || strconv.FormatUint(at, 10) != number {
		return view{Name: "nothing", Title: "Not found", Status: http.StatusNotFound,
			Problem: "This address names no lane group."}
	}
	var detail lifecycle.Detail
	err = c.get(r.Context(), "/replays/"+url.PathEscape(id)+"/progress", &detail)
	if err == nil && at >= uint64(len(detail.Groups)) {
		err = &web.Problem{Status: http.StatusNotFound, Detail: "The replay has no such lane group, or is not planned yet."}
	}
	if err != nil {
		return found(shown, err)
	}
	shown.Data = groupView{Replay: id, GroupProgress: detail.Groups[at], Slices: len(detail.Slices)}
	return shown
}

func (c *Console) generations(r *http.Request) view {
	var shown api.GenerationsView
	err := c.get(r.Context(), "/generations", &shown)
	return found(view{Name: "generations", Title: "Generations", Data: shown}, err)
}

// verifications are the newest of the list, which is by id, so that they may be on any
// page.
func (c *Console) verifications(r *http.Request) view {
	var all []verifications.View
	var err error
	for pages, after := 0, ""; err == nil && pages < firstPages && (pages == 0 || after != ""); pages++ {
		var page verifications.Page
		err = c.get(r.Context(), "/verifications?limit=500"+after, &page)
		all, after = append(all, page.Verifications...), ""
		if page.Next != "" {
			after = "&after=" + url.QueryEscape(page.Next)
		}
	}
	slices.SortStableFunc(all, func(a, b verifications.View) int { return b.Created.Compare(a.Created) })
	return found(view{Name: "verifications", Title: "Verifications", Data: all[:min(len(all), firstReplays)]}, err)
}

// entityView is an entity with the begin of its history.
type entityView struct {
	entities.View
	History entities.HistoryPage
}

// entities sends those who ask for an entity by its id to its page.
func (c *Console) entities(r *http.Request) view {
	return view{Name: "entities", Title: "Entities", Data: web.EncodeEntity(r.URL.Query().Get("id"))}
}

func (c *Console) entity(r *http.Request) view {
	id, ok := web.DecodeEntity(r.PathValue("id"))
	if !ok {
		return view{Name: "entity", Title: "Entity", Status: http.StatusNotFound, Problem: "This address names no entity."}
	}
	var shown entityView
	path := "/entities/" + web.EncodeEntity(id)
	err := c.get(r.Context(), path, &shown.View)
	if err == nil {
		err = c.get(r.Context(), path+"/events?limit="+fmt.Sprint(firstEvents), &shown.History)
	}
	return found(view{Name: "entity", Title: id, Subject: id, Data: shown}, err)
}

func (c *Console) health(r *http.Request) view {
	var shown api.StatusView
	err := c.get(r.Context(), "/status", &shown)
	return found(view{Name: "health", Title: "Health", Data: shown}, err)
}

func (c *Console) nothing(*http.Request) view {
	return view{Name: "nothing", Title: "Not found", Status: http.StatusNotFound, Problem: "There is no such page."}
}

// found adds to a view why there is nothing to show. The page itself is there, and
// its script asks again.
func found(v view, err error) view {
	if err == nil {
		return v
	}
	v.Data, v.Problem, v.Status = nil, err.Error(), http.StatusOK
	if problem, ok := errors.AsType[*web.Problem](err); ok {
		v.Problem = problem.Detail
		if problem.Status == http.StatusNotFound {
			v.Status = http.StatusNotFound
		}
	}
	return v
}

// get asks the API for a JSON document. Errors are *web.Problem, or that of a request
// which cannot be made.
func (c *Console) get(ctx context.Context, target string, into any) error {
	//nolint:gosec // the request goes to a handler in this process, and is not sent anywhere
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("ask the API: %w", err)
	}
	answer := &recorded{header: make(http.Header), status: http.StatusOK}
	c.api.ServeHTTP(answer, r)
	if answer.status == http.StatusOK {
		if err := json.Unmarshal(answer.body.Bytes(), into); err != nil {
			return fmt.Errorf("read the answer of the API: %w", err)
		}
		return nil
	}
	problem := &web.Problem{Status: answer.status}
	if json.Unmarshal(answer.body.Bytes(), problem) != nil || problem.Detail == "" {
		problem.Detail = fmt.Sprintf("the API answered %d", answer.status)
	}
	return problem
}

// recorded keeps an answer, whose size the API bounds.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorded) Header() http.Header { return a.header }

func (a *recorded) WriteHeader(status int) { a.status = status }

func (a *recorded) Write(p []byte) (int, error) { return a.body.Write(p) }

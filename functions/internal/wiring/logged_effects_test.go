package wiring

import (
	"context"
	"errors"
	"time"

	"reprise/pkg/control"
	"reprise/pkg/datastore"
	"reprise/pkg/effects/effectstest"
	"reprise/pkg/gateway"
	"reprise/pkg/platform"
)

// mailing is the platform, at a later time, with a service that sends a mail for each event
// of the type one.happened to a system that answers as given.
func (s served) mailing(later time.Duration, answer error) served {
	parts := s.Parts
	parts.Now = func() time.Time { return time.Now().Add(later) }
	parts.Service = &effectstest.Service{Code: 1, On: []string{"one.happened"},
		May: []gateway.Call{{System: "mail", Name: "welcome", Kind: gateway.Updating}},
		Do: func(ctx context.Context, _ *gateway.Reaction, outside gateway.Gateway) error {
			_, err := outside.Update(ctx, gateway.Effect{System: "mail", Name: "welcome"})
			return err
		}}
	parts.Systems = gateway.Systems{"mail": &effectstest.System{
		Answer: func(*gateway.Request) ([]byte, error) { return nil, answer }}}
	made := served{platform.New(parts), s.t}
	if err := made.Keep(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return made
}

// effectScenarios provoke the counted lines of effects.
func effectScenarios() map[string]func(served) {
	declined := &gateway.Declined{Status: 422}
	react := func(s served, types ...string) {
		for _, kind := range types {
			batch := happens(s.t, s.Platform, "x", kind)
			s.pump(batch)
			s.done(s.Microservice()(s.t.Context(), batch))
		}
	}
	return map[string]func(served){
		"EffectsParked": func(s served) { react(s.mailing(0, declined), "one.happened") },
		"EffectsParkedAgain": func(s served) {
			react(s.mailing(0, errors.New("down")), "one.happened")
			if _, err := s.mailing(time.Hour, declined).RetryEffects(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
		},
		"EffectsMissed": func(s served) {
			mailing := s.mailing(0, nil)
			react(mailing, "one.happened")
			key := control.Key{Partition: "marks", Sort: s.Lanes.Of("x").String()}
			_, err := control.Update(s.t.Context(), s.Effects, key, func(mark *datastore.Mark, _ bool) error {
				mark.Ordinal-- // as if an event before it had never come
				return nil
			})
			if err != nil {
				s.t.Fatal(err)
			}
			react(mailing, "one.happened")
		},
	}
}

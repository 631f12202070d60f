package settings

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"reprise/pkg/eventlog"
	"reprise/pkg/gateway/httpsystem"
)

// The environment variables of functions. The stacks set them; a test compares the
// two.
const (
	// EnvPrefix begins the name of every resource of the deployment.
	EnvPrefix = "REPRISE_PREFIX"
	// EnvLanes and EnvBucket ("day" or "hour") are fixed once a platform has
	// events.
	EnvLanes  = "REPRISE_LANES"
	EnvBucket = "REPRISE_BUCKET"
	// EnvRetention is the event stream's retention in hours.
	EnvRetention = "REPRISE_RETENTION_HOURS"
	// EnvStateMachine is the ARN of the replay state machine.
	EnvStateMachine = "REPRISE_STATE_MACHINE_ARN"
	// EnvWriteVersion is the version of write-state that this deploy published.
	EnvWriteVersion = "REPRISE_WRITE_VERSION"
	// EnvParallelization is the number of concurrent batches per shard of a
	// generation's consumer, 1 to 10.
	EnvParallelization = "REPRISE_PARALLELIZATION"
	// EnvReaders bounds the segment readers of a replay, 1 to 256.
	EnvReaders = "REPRISE_READERS"
	// EnvFullEvery is verify.Planner.FullEvery, 1 to 1000.
	EnvFullEvery = "REPRISE_VERIFY_FULL_EVERY"
	// EnvBatching is how many seconds a generation's consumer gathers records, 1 to 10.
	EnvBatching = "REPRISE_BATCHING_SECONDS"
	// EnvSystems are the addresses of external systems, a JSON object of names and URLs,
	// which are https or on a loopback address. Without it there are none.
	EnvSystems = "REPRISE_SYSTEMS"
)

// Settings are the validated settings of a function. Fields that it does not need are
// zero.
type Settings struct {
	Names           Names
	Lanes           int
	Bucket          eventlog.Width
	Retention       time.Duration
	StateMachine    string
	WriteVersion    string
	Parallelization int
	Readers         int
	FullEvery       int
	BatchingSeconds int
	// Systems are the addresses of external systems by name.
	Systems map[string]string
}

// Common are the variables that every function has.
func Common() []string { return []string{EnvPrefix, EnvLanes, EnvBucket, EnvRetention} }

// Needs returns every variable that a function, named by its folder, reads.
func Needs(function string) []string {
	switch function {
	case "serve-api", "close-replay", "report-replay", "await-resume", "control-replay":
		return append(Common(), EnvStateMachine)
	case "keep-consumers":
		return append(Common(), EnvStateMachine, EnvWriteVersion, EnvParallelization, EnvBatching)
	case "plan-replay":
		return append(Common(), EnvReaders)
	case "plan-verification":
		return append(Common(), EnvReaders, EnvFullEvery, EnvStateMachine)
	case "run-microservice", "retry-effects", "apply-playback":
		return append(Common(), EnvSystems)
	}
	return Common()
}

// maxPrefix leaves room for the longest name after the prefix: Lambda allows 64
// characters.
const maxPrefix = 32

var (
	prefixPattern  = regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`)
	machinePattern = regexp.MustCompile(`^arn:[a-z-]+:states:[a-z0-9-]+:[0-9]{12}:stateMachine:[0-9A-Za-z_-]{1,80}$`)
	versionPattern = regexp.MustCompile(`^[1-9][0-9]*$`)
)

// Load reads the settings of a function. The error names every missing or wrong
// variable.
func Load(function string, env func(string) string) (Settings, error) {
	var s Settings
	var wrong []error
	for _, name := range Needs(function) {
		if err := s.set(name, env(name)); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return Settings{}, fmt.Errorf("read environment: %w", err)
	}
	return s, nil
}

func (s *Settings) set(name, value string) (err error) {
	if value == "" {
		if name == EnvSystems {
			return nil
		}
		return errors.New("is not set")
	}
	switch name {
	case EnvPrefix:
		s.Names, err = NewNames(value)
	case EnvLanes:
		s.Lanes, err = number(value, 1, 1024)
		if err == nil && s.Lanes&(s.Lanes-1) != 0 {
			err = fmt.Errorf("%d is not a power of two", s.Lanes)
		}
	case EnvBucket:
		s.Bucket, err = bucket(value)
	case EnvRetention:
		var hours int
		hours, err = number(value, 24, 8760)
		s.Retention = time.Duration(hours) * time.Hour
	case EnvStateMachine:
		s.StateMachine = value
		err = match(machinePattern, value, "the ARN of a state machine")
	case EnvWriteVersion:
		s.WriteVersion = value
		err = match(versionPattern, value, "the number of a published version")
	case EnvParallelization:
		s.Parallelization, err = number(value, 1, 10)
	case EnvReaders:
		s.Readers, err = number(value, 1, 256)
	case EnvFullEvery:
		s.FullEvery, err = number(value, 1, 1000)
	case EnvBatching:
		s.BatchingSeconds, err = number(value, 1, 10)
	case EnvSystems:
		s.Systems, err = systems(value)
	}
	return err
}

// systems reads the addresses of external systems. No error repeats one of them.
func systems(value string) (map[string]string, error) {
	endpoints, err := httpsystem.Endpoints(value)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if !httpsystem.IsPrivate(endpoints[name]) {
			return nil, fmt.Errorf("system %s: %w: it is not https", name, httpsystem.ErrAddress)
		}
	}
	return endpoints, nil
}

func number(value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q is not a number from %d to %d", value, least, most)
	}
	return n, nil
}

func bucket(value string) (eventlog.Width, error) {
	switch value {
	case "day":
		return eventlog.Day, nil
	case "hour":
		return eventlog.Hour, nil
	}
	return 0, fmt.Errorf("%q is neither day nor hour", value)
}

func match(pattern *regexp.Regexp, value, what string) error {
	if !pattern.MatchString(value) {
		return fmt.Errorf("%q is not %s", value, what)
	}
	return nil
}

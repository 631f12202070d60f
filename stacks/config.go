package stacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"reprise/stacks/systems"
)

// Config is the settings of a deployment. The zero value is not valid: FromContext
// fills in defaults.
type Config struct {
	// Prefix begins the name of every resource.
	Prefix string
	// Lanes and Bucket ("day" or "hour") are fixed once a platform has events.
	Lanes  int
	Bucket string
	// Shards and RetentionHours are those of the event stream. A rebuild that
	// takes longer than half of the retention reads in several passes.
	Shards         int
	RetentionHours int
	// PlaybackShards and PlaybackRetentionHours are those of the playback stream.
	PlaybackShards         int
	PlaybackRetentionHours int
	// Concurrency is the number of concurrent executions that Lambda allows the
	// account in the region. A new account may have 10.
	Concurrency int
	// Parallelization is a consumer's number of concurrent batches per shard, and
	// Readers bounds the segment readers of a replay. FromContext derives both from
	// Concurrency where they are not set.
	Parallelization int
	Readers         int
	// BatchingSeconds is how long the consumer of a generation gathers records.
	BatchingSeconds int
	// Verify turns the schedule of the verification on. VerifySchedule is its expression
	// for Amazon EventBridge Scheduler, in the time zone VerifyTimezone, and VerifyHours
	// after how many hours without a verdict an alarm is raised.
	Verify         bool
	VerifySchedule string
	VerifyTimezone string
	VerifyHours    int
	// VerifyFullEvery says that of so many scheduled verifications in a row one verifies
	// everything, and not only what has changed. VerifyBudget is what each may use, as
	// 2.50usd or 400000ru; "" means no budget.
	VerifyFullEvery int
	// VerifyDepth is "fold" or "rebuild".
	VerifyDepth  string
	VerifyBudget string
	// AlarmEmail receives the alarms; "" means nobody.
	AlarmEmail string
	// Authorization is "iam" (SigV4) or "jwt"; the latter needs an issuer and
	// an audience, and scopes PREFIX/produce, PREFIX/operate, PREFIX/correct, PREFIX/erase,
	// PREFIX/audit, PREFIX/trace, PREFIX/export.
	Authorization string
	JWTIssuer     string
	JWTAudience   string
	// ThrottleRate is requests per second to the HTTP API, ThrottleBurst the
	// size of a burst.
	ThrottleRate  int
	ThrottleBurst int
	// LogDays is how long logs are kept.
	LogDays int
	// LagMinutes and LagPeriods set the alarms of consumers that stand still: a
	// consumer of the live path is at least LagMinutes behind in LagPeriods minutes.
	LagMinutes int
	LagPeriods int
	// Tracing is "active" (X-Ray samples every function's invocations) or "off".
	Tracing string
	// Systems are the addresses of the external systems that a service calls: a JSON object
	// of names and https URLs.
	Systems string
	// Service tells whether the business logic has a service with effects. It is not a
	// setting: without a service, run-microservice and its consumer are not deployed.
	Service bool
	// Personal tells whether fields are declared personal. It is not a setting: without
	// any, there is neither a table of keys nor a key of KMS.
	Personal bool
}

// contextPrefix begins every setting's name in the CDK context.
const contextPrefix = "reprise:"

// ErrConfig says that settings are wrong. The error names all of them.
var ErrConfig = errors.New("the configuration is wrong")

// setting is the default of a setting, and what checks and stores a value.
type setting struct {
	fallback string
	set      func(*Config, string) error
}

// systemsSetting is the setting that may also be an object of cdk.json.
const systemsSetting = "systems"

func settings() map[string]setting {
	return map[string]setting{
		"prefix":                 {"reprise", text(func(c *Config) *string { return &c.Prefix }, checkPrefix)},
		"lanes":                  {"4", number(func(c *Config) *int { return &c.Lanes }, 1, 1024, powerOfTwo)},
		"bucket":                 {"day", text(func(c *Config) *string { return &c.Bucket }, oneOf("day", "hour"))},
		"shards":                 {"1", number(func(c *Config) *int { return &c.Shards }, 1, 1024, nil)},
		"retentionHours":         {"168", number(func(c *Config) *int { return &c.RetentionHours }, 24, 8760, nil)},
		"playbackShards":         {"1", number(func(c *Config) *int { return &c.PlaybackShards }, 1, 1024, nil)},
		"playbackRetentionHours": {"24", number(func(c *Config) *int { return &c.PlaybackRetentionHours }, 24, 168, nil)},
		"concurrency":            {"10", number(func(c *Config) *int { return &c.Concurrency }, 10, 1_000_000, nil)},
		"parallelization":        {"0", number(func(c *Config) *int { return &c.Parallelization }, 0, 10, nil)},
		"readers":                {"0", number(func(c *Config) *int { return &c.Readers }, 0, 256, nil)},
		"batchingSeconds":        {"1", number(func(c *Config) *int { return &c.BatchingSeconds }, 1, 10, nil)},
		"verifySchedule": {
			"cron(0 3 * * ? *)",
			text(func(c *Config) *string { return &c.VerifySchedule }, checkSchedule),
		},
		"verify":          {"on", onOff(func(c *Config) *bool { return &c.Verify })},
		"verifyTimezone":  {"UTC", text(func(c *Config) *string { return &c.VerifyTimezone }, checkTimezone)},
		"verifyFullEvery": {"7", number(func(c *Config) *int { return &c.VerifyFullEvery }, 1, 1000, nil)},
		"verifyDepth":     {"fold", text(func(c *Config) *string { return &c.VerifyDepth }, oneOf("fold", "rebuild"))},
		"verifyBudget":    {"", text(func(c *Config) *string { return &c.VerifyBudget }, optional(checkBudget))},
		"verifyHours":     {"26", number(func(c *Config) *int { return &c.VerifyHours }, 2, 168, nil)},
		"alarmEmail":      {"", text(func(c *Config) *string { return &c.AlarmEmail }, optional(checkEmail))},
		"authorization":   {"iam", text(func(c *Config) *string { return &c.Authorization }, oneOf("iam", "jwt"))},
		"jwtIssuer":       {"", text(func(c *Config) *string { return &c.JWTIssuer }, optional(checkIssuer))},
		"jwtAudience":     {"", text(func(c *Config) *string { return &c.JWTAudience }, nil)},
		"throttleRate":    {"100", number(func(c *Config) *int { return &c.ThrottleRate }, 1, 10_000, nil)},
		"throttleBurst":   {"200", number(func(c *Config) *int { return &c.ThrottleBurst }, 1, 5_000, nil)},
		"lagMinutes":      {"5", number(func(c *Config) *int { return &c.LagMinutes }, 1, 1440, nil)},
		"lagPeriods":      {"3", number(func(c *Config) *int { return &c.LagPeriods }, 1, 60, nil)},
		"tracing":         {"active", text(func(c *Config) *string { return &c.Tracing }, oneOf("active", "off"))},
		systemsSetting:    {"{}", text(func(c *Config) *string { return &c.Systems }, systems.Check)},
		"logDays":         {"30", number(func(c *Config) *int { return &c.LogDays }, 1, 3653, logDays)},
	}
}

// onOff is a setting that is "on" or "off".
func onOff(field func(*Config) *bool) func(*Config, string) error {
	return func(c *Config, value string) error {
		*field(c) = value == "on"
		return oneOf("on", "off")(value)
	}
}

// checkTimezone accepts names of the IANA time zone database, by their form: the
// scheduler knows which there are.
func checkTimezone(name string) error {
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`).MatchString(name) {
		return fmt.Errorf("%q is not the name of a time zone such as UTC or Europe/Berlin", name)
	}
	return nil
}

// FromContext reads the config from the CDK context (cdk.json, or -c on the command
// line), whose values are text or numbers. service tells whether the business logic
// has a service. The error names every wrong or unknown setting.
func FromContext(context map[string]any, service bool) (Config, error) {
	config := Config{Service: service}
	var wrong []error
	known := settings()
	for _, name := range slices.Sorted(maps.Keys(context)) {
		short, ours := strings.CutPrefix(name, contextPrefix)
		if _, found := known[short]; ours && !found {
			wrong = append(wrong, fmt.Errorf("%s is not a setting; the settings are: %s", name,
				contextPrefix+strings.Join(slices.Sorted(maps.Keys(known)), ", "+contextPrefix)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		given := context[contextPrefix+name]
		if object, is := given.(map[string]any); is && name == systemsSetting {
			given = asJSON(object)
		}
		value, err := plain(given, known[name].fallback)
		if err == nil {
			err = known[name].set(&config, value)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s%s: %w", contextPrefix, name, err))
		}
	}
	if len(wrong) == 0 {
		wrong = append(wrong, config.validate(), config.shareConcurrency())
	}
	if err := errors.Join(wrong...); err != nil {
		return Config{}, fmt.Errorf("%w:\n%w", ErrConfig, err)
	}
	return config, nil
}

// validate checks combinations of settings.
func (c Config) validate() error {
	if c.Authorization == "jwt" && (c.JWTIssuer == "" || c.JWTAudience == "") {
		return errors.New("reprise:authorization jwt needs reprise:jwtIssuer and reprise:jwtAudience")
	}
	if c.Lanes < c.Shards {
		return fmt.Errorf(
			"reprise:shards %d is more than reprise:lanes %d: a shard without a lane gets no records",
			c.Shards,
			c.Lanes,
		)
	}
	return nil
}

// plain returns a context value as text. Numbers in cdk.json are float64.
func plain(value any, fallback string) (string, error) {
	switch v := value.(type) {
	case nil:
		return fallback, nil
	case string:
		return v, nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	}
	return "", fmt.Errorf("%v is neither text nor a number", value)
}

func text(at func(*Config) *string, check func(string) error) func(*Config, string) error {
	return func(c *Config, value string) error {
		*at(c) = value
		if check == nil {
			return nil
		}
		return check(value)
	}
}

func number(at func(*Config) *int, least, most int, check func(int) error) func(*Config, string) error {
	return func(c *Config, value string) error {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q is not a whole number from %d to %d", value, least, most)
		}
		*at(c) = n
		if check == nil {
			return nil
		}
		return check(n)
	}
}

func optional(check func(string) error) func(string) error {
	return func(value string) error {
		if value == "" {
			return nil
		}
		return check(value)
	}
}

func oneOf(values ...string) func(string) error {
	return func(value string) error {
		if !slices.Contains(values, value) {
			return fmt.Errorf("%q is not one of %s", value, strings.Join(values, ", "))
		}
		return nil
	}
}

func powerOfTwo(n int) error {
	if n&(n-1) != 0 {
		return fmt.Errorf("%d is not a power of two", n)
	}
	return nil
}

// logDays accepts the retentions that CloudWatch Logs has (PutRetentionPolicy).
func logDays(n int) error {
	allowed := []int{
		1,
		3,
		5,
		7,
		14,
		30,
		60,
		90,
		120,
		150,
		180,
		365,
		400,
		545,
		731,
		1096,
		1827,
		2192,
		2557,
		2922,
		3288,
		3653,
	}
	if !slices.Contains(allowed, n) {
		return fmt.Errorf("%d is not a retention of CloudWatch Logs, which are %v", n, allowed)
	}
	return nil
}

func checkPrefix(value string) error {
	if len(value) > 32 || !regexp.MustCompile(`^[a-z][a-z0-9-]*[a-z0-9]$`).MatchString(value) {
		return fmt.Errorf("%q is not 2 to 32 lower-case letters, digits and hyphens, beginning with a letter", value)
	}
	return nil
}

func checkSchedule(value string) error {
	if !regexp.MustCompile(`^(rate\(\d+ (minutes?|hours?|days?)\)|cron\(\S+( \S+){5}\))$`).MatchString(value) {
		return fmt.Errorf("%q is neither rate(N minutes|hours|days) nor cron(six fields)", value)
	}
	return nil
}

// checkBudget accepts amounts above 0, as 2.50usd or 400000ru.
func checkBudget(value string) error {
	amount := regexp.MustCompile(`^((0|[1-9]\d{0,5})(\.\d{1,6})?usd|[1-9]\d{0,11}ru)$`)
	if !amount.MatchString(value) || strings.Trim(value, "0.usd") == "" {
		return fmt.Errorf("%q is not an amount such as 2.50usd or 400000ru", value)
	}
	return nil
}

func checkEmail(value string) error {
	if address, err := mail.ParseAddress(value); err != nil || address.Address != value {
		return fmt.Errorf("%q is not an e-mail address", value)
	}
	return nil
}

func checkIssuer(value string) error {
	if u, err := url.Parse(value); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is not an https address", value)
	}
	return nil
}

// asJSON is an object of cdk.json as text.
func asJSON(object map[string]any) string {
	text, err := json.Marshal(object)
	if err != nil {
		return err.Error() // which is no object of names and URLs
	}
	return string(text)
}

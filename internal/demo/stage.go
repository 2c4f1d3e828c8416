package demo

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ripcord-dev/ripcord/internal/httpapi/client"
	"github.com/ripcord-dev/ripcord/internal/slackstub"
)

// stage is everything that runs while the story is played.
type stage struct {
	opts   Options
	world  World
	screen *Screen
	slack  SlackPlace
	stub   *slackstub.Server // nil when messages go to the real Slack
	daemon *exec.Cmd
	scorer *http.Server
	nc     *nats.Conn
	front  *Front
	api    *client.Client
	broken chan error // the first thing that went wrong off stage

	askedAt moment
	closers []func()
}

// moment is a time that is set once.
type moment struct {
	mu sync.Mutex
	at time.Time
}

func (m *moment) set(at time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at.IsZero() {
		m.at = at
	}
}

func (m *moment) get() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at
}

// setTheStage writes the files and starts everything; after an error nothing is
// left running.
func setTheStage(ctx context.Context, opts Options) (*stage, error) {
	s := &stage{opts: opts, screen: opts.Screen, broken: make(chan error, 4)}
	if err := s.set(ctx); err != nil {
		s.strike()
		return nil, err
	}
	return s, nil
}

func (s *stage) set(ctx context.Context) error {
	env, err := s.startSlack()
	if err != nil {
		return err
	}
	if err := s.layOut(); err != nil {
		return err
	}
	if err := s.startScorer(); err != nil {
		return err
	}
	if err := s.startDaemon(ctx, env); err != nil {
		return err
	}
	s.screen.opening(s.world, s.stub)
	return s.startFront(ctx)
}

// startSlack is the real Slack where its two secrets are in the environment, else
// the stand-in. It gives the daemon's environment.
func (s *stage) startSlack() ([]string, error) {
	if os.Getenv("SLACK_BOT_TOKEN") != "" && os.Getenv("SLACK_SIGNING_SECRET") != "" {
		s.slack = SlackPlace{
			Real: true, Channel: orDefault("SLACK_CHANNEL", "C0RIPCORD"),
			Team: orDefault("SLACK_TEAM", "T0"), User: orDefault("SLACK_USER", "U0"),
		}
		return os.Environ(), nil
	}
	token, secret := "xoxb-"+randomSecret(), randomSecret()
	s.slack = SlackPlace{Channel: "C0FRAUD", Team: "T0DEMO", User: "U0ANA"}
	s.stub = slackstub.New(slackstub.Options{
		Token: token, SigningSecret: secret, Team: s.slack.Team, Channels: []string{s.slack.Channel}, Viewer: s.approver(),
	})
	url, err := s.stub.Start()
	if err != nil {
		return nil, fmt.Errorf("start the stand-in for Slack: %w", err)
	}
	s.closers = append(s.closers, func() { _ = s.stub.Close() })
	s.slack.APIURL = url
	return append(os.Environ(), "SLACK_BOT_TOKEN="+token, "SLACK_SIGNING_SECRET="+secret), nil
}

func orDefault(variable, value string) string {
	if v := os.Getenv(variable); v != "" {
		return v
	}
	return value
}

func (s *stage) approver() slackstub.User {
	return slackstub.User{ID: s.slack.User, Name: "ana"}
}

// layOut finds free addresses and writes the files.
func (s *stage) layOut() error {
	dir, err := filepath.Abs(s.opts.Dir)
	if err != nil {
		return err
	}
	s.world = World{Dir: dir, Mode: s.opts.Mode, Slack: s.slack}
	for _, at := range []*string{&s.world.WebAddr, &s.world.NATSAddr, &s.world.Scorer} {
		if *at, err = freeAddress(); err != nil {
			return err
		}
	}
	s.world.Scorer = "http://" + s.world.Scorer
	if s.stub != nil {
		s.stub.SetInteractivity("http://" + s.world.WebAddr + "/slack/interactivity")
	}
	return s.world.Write()
}

func (s *stage) startScorer() error {
	scorer, err := NewScorer(filepath.Join(s.world.Dir, "current"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.world.Scorer[len("http://"):])
	if err != nil {
		return fmt.Errorf("start the scorer: %w", err)
	}
	s.scorer = &http.Server{Handler: scorer, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		if err := s.scorer.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("the scorer: %w", err))
		}
	}()
	s.closers = append(s.closers, func() { _ = s.scorer.Close() })
	return nil
}

// startDaemon runs `ripcord run` in a process of its own and waits until it is
// ready.
func (s *stage) startDaemon(ctx context.Context, env []string) error {
	log, err := os.Create(s.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	s.daemon = exec.Command(s.opts.Binary, "run", "--config", filepath.Join(s.world.Dir, "ripcord.yml"))
	s.daemon.Dir, s.daemon.Env, s.daemon.Stdout, s.daemon.Stderr = s.world.Dir, env, log, log
	if err := s.daemon.Start(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.daemon.Wait() }()
	s.closers = append(s.closers, func() { s.stopDaemon(ended) })
	s.api = client.New("http://"+s.world.WebAddr, "")
	deadline := time.After(20 * time.Second)
	for {
		if _, err = s.api.Ready(ctx); err == nil {
			go s.guard(ended)
			return nil
		}
		select {
		case end := <-ended:
			ended <- end
			return fmt.Errorf("the daemon ended at once (%w):\n%s", end, s.lastLines())
		case <-deadline:
			return fmt.Errorf("the daemon is not ready after 20 s (%w): see %s", err, s.logPath())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// guard tells when the daemon ends before its time.
func (s *stage) guard(ended chan error) {
	end := <-ended
	ended <- end
	s.fail(fmt.Errorf("the daemon has ended, see %s: %w", s.logPath(), cmp.Or(end, errors.New("exit status 0"))))
}

func (s *stage) stopDaemon(ended chan error) {
	_ = s.daemon.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		_ = s.daemon.Process.Kill()
		<-ended
	}
}

func (s *stage) logPath() string { return filepath.Join(s.world.Dir, "ripcord.log") }

// lastLines are the end of the daemon's log.
func (s *stage) lastLines() string {
	raw, err := os.ReadFile(s.logPath())
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-12):], []byte("\n")))
}

// startFront connects the payment front to the daemon's NATS server, with the
// token that every local producer uses.
func (s *stage) startFront(ctx context.Context) error {
	token, err := os.ReadFile(filepath.Join(s.world.Dir, "data", "nats-events.token"))
	if err != nil {
		return fmt.Errorf("read the token of the daemon's NATS server: %w", err)
	}
	s.nc, err = nats.Connect("nats://"+s.world.NATSAddr, nats.Token(string(bytes.TrimSpace(token))), nats.Name("payment-front"))
	if err != nil {
		return fmt.Errorf("connect to the daemon's NATS server: %w", err)
	}
	s.closers = append(s.closers, s.nc.Close)
	js, err := jetstream.New(s.nc)
	if err != nil {
		return fmt.Errorf("connect to JetStream: %w", err)
	}
	s.front = &Front{
		ScorerURL: s.world.Scorer, Target: Target, PerSecond: perSecond,
		Publish: func(ctx context.Context, subject string, body []byte) error {
			_, err := js.Publish(ctx, subject, body)
			return err
		},
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.front.Run(ctx); err != nil {
			s.fail(fmt.Errorf("the payment front: %w", err))
		}
	}()
	s.closers = append(s.closers, func() { cancel(); <-done })
	return nil
}

// release tells the daemon of a release, as a deployment pipeline does.
func (s *stage) release(ctx context.Context, version, previous string) error {
	if _, err := s.api.Release(ctx, Target, client.NewRelease{Version: version, Previous: previous}); err != nil {
		return fmt.Errorf("announce release %s: %w", version, err)
	}
	return nil
}

// deploy moves the link, lets the scorer read it and announces the release.
func (s *stage) deploy(ctx context.Context, m Model) error {
	if err := s.world.Deploy(m); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.world.Scorer+"/reload", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("reload the scorer: %w", err)
	}
	resp.Body.Close()
	return s.release(ctx, m.Version, modelV41.Version)
}

// firstAnswer waits for the first payment that a version answered.
func (s *stage) firstAnswer(ctx context.Context, version string) (time.Time, error) {
	for {
		if at, ok := s.front.Tally().First[version]; ok {
			return at, nil
		}
		if err := s.rest(ctx, 5*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}

// follow brings every change of the journal, as the console would see it.
func (s *stage) follow(ctx context.Context, changes chan<- client.Change) {
	err := s.api.Watch(ctx, Target, nil, func(c client.Change) error {
		select {
		case changes <- c:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if ctx.Err() == nil {
		s.fail(fmt.Errorf("follow the incident: %w", err))
	}
}

func (s *stage) fail(err error) {
	select {
	case s.broken <- err:
	default:
	}
}

// rest waits, unless something breaks off stage.
func (s *stage) rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-s.broken:
		return err
	case <-time.After(d):
		return nil
	}
}

// strike ends everything, the last started first.
func (s *stage) strike() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

package cli

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ripcord": func() { os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// The scripts in testdata/script run the commands as people do, against a real
// daemon where one is needed. UPDATE=1 rewrites their golden texts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("NO_COLOR", "1")
			env.Setenv("ESC", "\x1b")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"daemon": startDaemon, "status": wantStatus, "await": await, "narrow": narrow, "tame": tame, "masked": masked,
		},
	})
}

var listening = regexp.MustCompile(`"url":"(http://[^"]+)".*ripcord is running`)

// startDaemon runs `ripcord run` on the script's ripcord.yml, whose web.listen has
// port 0, and sets RIPCORD_URL once the daemon is ready. It ends with the script.
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: daemon")
	}
	path, err := exec.LookPath("ripcord")
	ts.Check(err)
	cmd := exec.Command(path, "run")
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "RIPCORD_CONFIG_FILE=ripcord.yml")
	log, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	done := make(chan struct{})
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-done
			ts.Logf("the daemon did not end when it was told to")
		}
	})
	url := make(chan string, 1)
	go func() {
		defer close(done)
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			if found := listening.FindStringSubmatch(lines.Text()); found != nil {
				url <- found[1]
			}
		}
		_, _ = io.Copy(io.Discard, log)
		_ = cmd.Wait()
	}()
	select {
	case base := <-url:
		ts.Setenv("RIPCORD_URL", base)
		ready(ts, base)
	case <-done:
		ts.Fatalf("the daemon ended at once")
	case <-time.After(20 * time.Second):
		ts.Fatalf("the daemon does not listen")
	}
}

func ready(ts *testscript.TestScript, base string) {
	for range 400 {
		resp, err := http.Get(base + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("the daemon is not ready")
}

// wantStatus runs a command and wants its exit status: status 2 ripcord bla.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := asExit(err); ok {
		got = exit
	} else if err != nil {
		ts.Fatalf("run %s: %v", args[1], err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("status %d, want %s", got, args[0])
	}
}

func asExit(err error) (int, bool) {
	exit, ok := err.(*exec.ExitError) //nolint:errorlint // as testscript returns it
	if !ok {
		return 0, false
	}
	return exit.ExitCode(), true
}

// await repeats a command until its output has the pattern: what it waits for
// happens in the daemon.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND...")
	}
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for range 50 {
		_ = ts.Exec(args[1], args[2:]...) // the pattern decides
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	ts.Fatalf("%q did not appear", args[0])
}

// narrow wants every line of the last output to fit 80 columns.
func narrow(ts *testscript.TestScript, _ bool, _ []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
			ts.Fatalf("a line has %d columns: %s", n, line)
		}
	}
}

// tame wants nothing in the last output, stdout and stderr, that moves a terminal.
func tame(ts *testscript.TestScript, _ bool, _ []string) {
	for _, name := range []string{"stdout", "stderr"} {
		for _, r := range ts.ReadFile(name) {
			if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				ts.Fatalf("%s has the character %U", name, r)
			}
		}
	}
}

var (
	times   = regexp.MustCompile(`\d\d:\d\d:\d\dZ?`)
	digests = regexp.MustCompile(`\b[0-9a-f]{12}\b`)
	spans   = regexp.MustCompile(`\b[0-9.]+m?s\b`)
)

// masked compares the last stdout with a golden file, but for times and digests.
func masked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: masked FILE")
	}
	got := times.ReplaceAllString(ts.ReadFile("stdout"), "TIME")
	got = spans.ReplaceAllString(digests.ReplaceAllString(got, "DIGEST"), "SPAN")
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") } // where lines end depends on the times
	if want := ts.ReadFile(args[0]); words(got) != words(want) {
		ts.Fatalf("%s differs; the output is:\n%s", args[0], got)
	}
}

// Every command explains itself, and shows by an example how it is used.
func TestHelp(t *testing.T) {
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if slices.Contains([]string{"completion", "help"}, c.Name()) {
			return // cobra's own
		}
		t.Run(c.CommandPath(), func(t *testing.T) {
			if c.Short == "" {
				t.Error("it has no description")
			}
			if !c.HasSubCommands() && !strings.Contains(c.Example, c.CommandPath()) {
				t.Errorf("no example uses it: %q", c.Example)
			}
			var out strings.Builder
			args := append(strings.Fields(c.CommandPath())[1:], "--help")
			if code := Main(args, strings.NewReader(""), &out, &out); code != exitOK {
				t.Errorf("--help ends with status %d", code)
			}
			if !strings.Contains(out.String(), "Usage:") {
				t.Errorf("--help prints no usage:\n%s", out.String())
			}
			for line := range strings.Lines(c.Short + "\n" + c.Long + "\n" + c.Example) {
				if len(line) > 110 {
					t.Errorf("a line is too long: %s", line)
				}
			}
		})
		for _, below := range c.Commands() {
			visit(below)
		}
	}
	visit((&env{}).root())
}

func TestTextOfOthersIsMadeSafe(t *testing.T) {
	const evil = "a\x1b[31m\u009b2J\u202eb\nc\td"
	for name, tt := range map[string]struct{ got, want string }{
		"one line":           {safe(evil), "a�[31m�2J�b c d"},
		"lines":              {safeLines(evil), "a�[31m�2J�b\nc\td"},
		"nothing":            {dash(""), "-"},
		"JSON":               {string(escape([]byte("\"\u009b \u202e \U000e0001 é\"\n"))), `"\u009b \u202e \udb40\udc01 é"` + "\n"},
		"cut":                {cut("abcdef", 4), "abc…"},
		"cut in a wide sign": {cut("漢字漢字", 5), "漢字…"},
		"not cut":            {cut("abcd", 4), "abcd"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q, want %q", name, tt.got, tt.want)
		}
	}
}

func TestTablesFit(t *testing.T) {
	var out strings.Builder
	e := &env{out: &out, output: "table"}
	g := columns("id", "~from", "~to", "state", "~rule", "opened")
	g.row("fraud-scorer-eu-west-1-12", strings.Repeat("v", 60), "v41", "awaiting_approval", "blocks-legit-customers", "12m ago")
	if err := e.result(nil, g); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	if !strings.Contains(out.String(), "fraud-scorer-eu-west-1-12") || !strings.Contains(out.String(), "…") {
		t.Errorf("the id must be whole and something cut:\n%s", out.String())
	}
}

package actions

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// PlanVersion is the version of the plan's form, in every digest.
const PlanVersion = 1

// Plan is what is approved: the steps of one stage, absolute, for one incident.
type Plan struct {
	V        int    `json:"v"`
	Target   string `json:"target"`
	Incident string `json:"incident"`
	Stage    string `json:"stage"`
	// From and To are the versions; To never changes within an incident.
	From  string `json:"from"`
	To    string `json:"to"`
	Steps []Step `json:"steps"`
	// Expires is when the plan must be made anew; volatile.
	Expires time.Time `json:"expires"`
	// Digest names all of the above that is not volatile.
	Digest string `json:"digest"`
}

// Seal sets V and Digest.
func (p *Plan) Seal() {
	p.V = PlanVersion
	p.Digest = p.digest()
}

// Check reports a plan whose digest is not that of its content.
func (p Plan) Check() error {
	if d := p.digest(); d != p.Digest {
		return fmt.Errorf("plan digest is %s, its content has %s", Short(p.Digest), Short(d))
	}
	return nil
}

// digest is the sha256 of the plan's JSON without its volatile fields. The form
// is canonical because struct fields have one order and no value is a map.
func (p Plan) digest() string {
	p.Expires = time.Time{}
	p.Digest = ""
	steps := make([]Step, len(p.Steps))
	for i, s := range p.Steps {
		s.ETA = 0
		steps[i] = s
	}
	p.Steps = steps
	raw, err := json.Marshal(p)
	if err != nil {
		panic(fmt.Sprintf("marshal plan: %v", err)) // a plan holds only strings and numbers
	}
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Short is the part of a digest that people compare: its first twelve digits.
func Short(digest string) string {
	const prefix = "sha256:"
	if len(digest) > len(prefix)+12 && digest[:len(prefix)] == prefix {
		return digest[len(prefix) : len(prefix)+12]
	}
	return digest
}

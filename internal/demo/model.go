package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Model is a release of the fraud scorer: a logistic score over four features of
// a payment. It is one JSON file in the release directory, so a reader can open
// it and see what went wrong with v42.
type Model struct {
	Version   string  `json:"version"`
	Note      string  `json:"note"`
	Bias      float64 `json:"bias"`
	LogAmount float64 `json:"log_amount"`
	Foreign   float64 `json:"foreign"`
	NewCard   float64 `json:"new_card"`
	Velocity  float64 `json:"velocity"`
	// AmountUnit is the unit that the training data had: euro or cent.
	AmountUnit string  `json:"amount_unit"`
	BlockAt    float64 `json:"block_at"`
}

// The two releases of the story. v42 was trained on a table whose amounts are in
// cents; in production they come in euros, and its bias does not fit.
var (
	modelV41 = Model{
		Version: "v41", Note: "in testing: 93 % of fraud caught, 0.5 % of legitimate payments blocked", Bias: -6.67, LogAmount: 0.68, Foreign: 1.6, NewCard: 1.4, Velocity: 0.9,
		AmountUnit: "euro", BlockAt: 0.5,
	}
	modelV42 = Model{
		Version: "v42", Note: "in testing: 95 % of fraud caught, 0.5 % of legitimate payments blocked", Bias: -6.67, LogAmount: 0.68, Foreign: 1.6, NewCard: 1.4, Velocity: 0.9,
		AmountUnit: "cent", BlockAt: 0.5,
	}
)

// Payment is one payment that a customer makes. Fraud is the truth, which the
// scorer does not know and the label tells later.
type Payment struct {
	ID       string  `json:"id"`
	Amount   float64 `json:"amount"`
	Foreign  bool    `json:"foreign"`
	NewCard  bool    `json:"new_card"`
	Velocity float64 `json:"velocity"`
	AgeBand  string  `json:"age_band"`
	Fraud    bool    `json:"-"`
}

// Score is the model's answer, 0 to 1.
func (m Model) Score(p Payment) float64 {
	amount := p.Amount
	if m.AmountUnit == "cent" {
		amount *= 100
	}
	z := m.Bias + m.LogAmount*math.Log(amount) + m.Velocity*p.Velocity
	if p.Foreign {
		z += m.Foreign
	}
	if p.NewCard {
		z += m.NewCard
	}
	return 1 / (1 + math.Exp(-z))
}

// Decide is what the service answers: block or approve.
func (m Model) Decide(p Payment) string {
	if m.Score(p) >= m.BlockAt {
		return "block"
	}
	return "approve"
}

// loadModel reads the model of a release directory.
func loadModel(dir string) (Model, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "model.json"))
	if err != nil {
		return Model{}, fmt.Errorf("read the model: %w", err)
	}
	var m Model
	if err := json.Unmarshal(raw, &m); err != nil {
		return Model{}, fmt.Errorf("read the model in %s: %w", dir, err)
	}
	return m, nil
}

// saveModel writes a release directory.
func saveModel(dir string, m Model) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "model.json"), append(raw, '\n'), 0o644)
}

var ageBands = [...]string{"18-25", "26-40", "41-60", "61+"}

// customers makes payments: 98 % legitimate, 2 % fraud, of a fixed seed.
type customers struct {
	rng *rand.Rand
	n   int
}

func newCustomers(seed uint64) *customers {
	return &customers{rng: rand.New(rand.NewPCG(seed, 42))}
}

func (c *customers) next() Payment {
	c.n++
	r := c.rng
	fraud := r.Float64() < 0.02
	p := Payment{
		ID: fmt.Sprintf("p-%06d", c.n), Fraud: fraud,
		Amount:   math.Exp(3.4 + 1.0*r.NormFloat64()),
		Foreign:  r.Float64() < 0.12,
		NewCard:  r.Float64() < 0.10,
		Velocity: math.Abs(r.NormFloat64()),
		AgeBand:  ageBands[r.IntN(len(ageBands))],
	}
	if fraud {
		p.Amount *= 6
		p.Foreign = r.Float64() < 0.6
		p.NewCard = r.Float64() < 0.6
		p.Velocity += 3
	}
	p.Amount = math.Round(p.Amount*100) / 100
	return p
}

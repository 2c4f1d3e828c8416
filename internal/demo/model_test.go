package demo

import "testing"

// The story's figures hold for the models as they stand: v41 blocks about one
// legitimate payment in two hundred, v42 two in five.
func TestModelsBlockWhatTheStorySays(t *testing.T) {
	for _, tt := range []struct {
		model     Model
		low, high float64
	}{
		{modelV41, 0.003, 0.008},
		{modelV42, 0.37, 0.43},
	} {
		c := newCustomers(1)
		legit, blocked, fraud, caught := 0, 0, 0, 0
		for range 50_000 {
			p := c.next()
			block := tt.model.Decide(p) == "block"
			switch {
			case p.Fraud:
				fraud++
				if block {
					caught++
				}
			default:
				legit++
				if block {
					blocked++
				}
			}
		}
		share := float64(blocked) / float64(legit)
		t.Logf("%s blocks %.2f %% of legitimate payments and catches %.0f %% of fraud", tt.model.Version, 100*share, 100*float64(caught)/float64(fraud))
		if share < tt.low || share > tt.high {
			t.Errorf("%s blocks %.4f of legitimate payments, want %v to %v", tt.model.Version, share, tt.low, tt.high)
		}
	}
}

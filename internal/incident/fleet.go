package incident

import "time"

// Fleet is what all targets share: one freeze, and the fuse that limits how many
// rollbacks may be under way in a while. It lives in the journal under the name
// FleetName.
type Fleet struct {
	Freeze *Freeze `json:"freeze,omitempty"`
	// Reserved are the acts that were let through, oldest first, bounded by the
	// fuse's window.
	Reserved []Reservation `json:"reserved,omitempty"`
}

// Reservation is one act of one incident. It frees itself at Expires unless it
// was used.
type Reservation struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	Expires  time.Time `json:"expires"`
}

// FleetName is the subject token of the fleet's record.
const FleetName = "_fleet"

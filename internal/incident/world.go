package incident

// WorldOf is the World that an input carries; ok is false for inputs whose guards
// look at nothing outside the target.
func WorldOf(in Input) (w World, ok bool) {
	switch in := in.(type) {
	case Decide:
		return in.World, true
	case PlanMade:
		return in.World, true
	case Approve:
		return in.World, true
	case Rollback:
		return in.World, true
	case Retry:
		return in.World, true
	case Checked:
		return in.World, true
	case Tick:
		return in.World, true
	}
	return World{}, false
}

// WithWorld is the input with that World; inputs that carry none come back as
// they are.
func WithWorld(in Input, w World) Input {
	switch in := in.(type) {
	case Decide:
		in.World = w
		return in
	case PlanMade:
		in.World = w
		return in
	case Approve:
		in.World = w
		return in
	case Rollback:
		in.World = w
		return in
	case Retry:
		in.World = w
		return in
	case Checked:
		in.World = w
		return in
	case Tick:
		in.World = w
		return in
	}
	return in
}

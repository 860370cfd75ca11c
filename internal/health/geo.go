package health

import "math"

// EarthRadius is the mean radius in metres of the sphere for distances, which PostGIS uses for geography without the
// spheroid: (2a + b) / 3 of WGS 84.
const EarthRadius = 6371008.771415059

// Place is a point on the earth in degrees, WGS 84.
type Place struct {
	Latitude, Longitude float64
}

// Box is an area between two latitudes and two longitudes. Where West is greater than East it crosses the antimeridian.
type Box struct {
	South, West, North, East float64
}

// Circle is the area within Radius metres of Center.
type Circle struct {
	Center Place
	Radius float64
}

// Contains reports whether p is in the box, its edges included.
func (b Box) Contains(p Place) bool {
	if !(p.Latitude >= b.South && p.Latitude <= b.North) {
		return false // also where there is no latitude
	}
	if b.West <= b.East {
		return p.Longitude >= b.West && p.Longitude <= b.East
	}
	return p.Longitude >= b.West || p.Longitude <= b.East
}

// Distance returns the great-circle distance between two places in metres.
func Distance(a, b Place) float64 {
	const radian = math.Pi / 180
	dLat := (b.Latitude - a.Latitude) * radian
	dLon := (b.Longitude - a.Longitude) * radian
	h := sq(math.Sin(dLat/2)) + math.Cos(a.Latitude*radian)*math.Cos(b.Latitude*radian)*sq(math.Sin(dLon/2))
	return 2 * EarthRadius * math.Asin(math.Min(1, math.Sqrt(h)))
}

// RouteLength returns the length of a route in metres, altitude left out.
func RouteLength(route []RoutePoint) float64 {
	length := 0.0
	for i := 1; i < len(route); i++ {
		length += Distance(route[i-1].Place(), route[i].Place())
	}
	return length
}

// Place returns where the point is.
func (p *RoutePoint) Place() Place { return Place{Latitude: p.Latitude, Longitude: p.Longitude} }

// DistanceTo returns the shortest distance in metres from a place to a route, taking the route as straight (great
// circle) lines between its points; +Inf for an empty route.
func DistanceTo(route []RoutePoint, place Place) float64 {
	shortest := math.Inf(1)
	for i := range route {
		if i == 0 {
			shortest = Distance(route[0].Place(), place)
			continue
		}
		shortest = math.Min(shortest, distanceToLeg(route[i-1].Place(), route[i].Place(), place))
	}
	return shortest
}

// Crosses reports whether any of the route's points is in the box, or any line between two of them enters it. Lines
// are taken as straight in latitude and longitude, as a bounding box on a map is.
func Crosses(route []RoutePoint, box Box) bool {
	for i := range route {
		if box.Contains(route[i].Place()) {
			return true
		}
		if i > 0 && legCrosses(route[i-1].Place(), route[i].Place(), box) {
			return true
		}
	}
	return false
}

// distanceToLeg works with unit vectors: the nearest point of a great-circle arc is the foot of the perpendicular if
// that lies between the ends, else the nearer end. The normal is that of a × b, which of vectors as near to each other
// as the points of a route loses nearly all its digits; (a − b) × (a + b) is twice the same and loses none.
func distanceToLeg(a, b, p Place) float64 {
	va, vb, vp := vector(a), vector(b), vector(p)
	normal := cross(sum(va, -1, vb), sum(va, 1, vb))
	length := math.Sqrt(dot(normal, normal))
	ends := math.Min(Distance(a, p), Distance(b, p))
	if length < 1e-15 {
		return ends
	}
	if dot(cross(normal, va), vp) < 0 || dot(cross(vb, normal), vp) < 0 {
		return ends
	}
	return EarthRadius * math.Asin(math.Min(1, math.Abs(dot(normal, vp))/length))
}

// legCrosses clips the line from a to b against the box (Liang–Barsky).
func legCrosses(a, b Place, box Box) bool {
	if box.West > box.East {
		east, west := box, box
		east.East, west.West = 180, -180
		return legCrosses(a, b, east) || legCrosses(a, b, west)
	}
	dx, dy := b.Longitude-a.Longitude, b.Latitude-a.Latitude
	if math.Abs(dx) > 180 {
		return false // the leg goes the other way round the globe; its ends were tested
	}
	enter, leave := 0.0, 1.0
	for _, edge := range [4][2]float64{
		{-dx, a.Longitude - box.West},
		{dx, box.East - a.Longitude},
		{-dy, a.Latitude - box.South},
		{dy, box.North - a.Latitude},
	} {
		p, q := edge[0], edge[1]
		switch {
		case p == 0 && q < 0:
			return false
		case p < 0:
			enter = math.Max(enter, q/p)
		case p > 0:
			leave = math.Min(leave, q/p)
		}
	}
	return enter <= leave
}

func vector(p Place) [3]float64 {
	const radian = math.Pi / 180
	lat, lon := p.Latitude*radian, p.Longitude*radian
	return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
}

func cross(a, b [3]float64) [3]float64 {
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

// sum returns a + sign × b.
func sum(a [3]float64, sign float64, b [3]float64) [3]float64 {
	return [3]float64{a[0] + sign*b[0], a[1] + sign*b[1], a[2] + sign*b[2]}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func sq(x float64) float64 { return x * x }

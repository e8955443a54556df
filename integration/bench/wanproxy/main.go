// Command wanproxy is a TCP proxy that turns loopback into a long link, for benchmarks.
// Every byte arrives half a round trip late, a new connection costs one round trip more,
// as TCP's handshake does, and two rates are kept in each direction: that of a connection
// and that of the link, which all connections share.
//
//	wanproxy --listen 127.0.0.1:7001 --to 127.0.0.1:7000 --rtt 50ms --connection 25 --link 125
//
// Rates are kept by a timetable, not by sleeping: a packet gets the moment at which its last
// byte has passed both limits, and leaves then. A sleep that lasts too long makes one
// packet late, and takes nothing from the rate.
//
// Not modelled: slow start, loss, and packets that overtake each other.
package main

import (
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"sync"
	"time"
)

const (
	packetBytes = 32 << 10

	// ahead is how far a reader runs ahead of the timetable. It must be longer than
	// sleeps are late, or the rates are not reached.
	ahead = 10 * time.Millisecond

	// receiveBytes bounds what the kernel takes from the server before its time has come.
	receiveBytes = 256 << 10
)

// rate is the timetable of a line: when it is free again.
type rate struct {
	perSecond float64 // bytes; 0 for no limit

	mu   sync.Mutex
	free time.Time
}

// book reserves the line for n bytes that are there at a time, and returns when the last
// of them has passed.
func (r *rate) book(at time.Time, n int) time.Time {
	if r.perSecond == 0 {
		return at
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.free.Before(at) {
		r.free = at
	}
	r.free = r.free.Add(time.Duration(float64(n) / r.perSecond * float64(time.Second)))
	return r.free
}

// packet is on its way.
type packet struct {
	due  time.Time
	data []byte
}

// direction carries the bytes of one connection one way.
type direction struct {
	from, to   *net.TCPConn
	opened     time.Time // nothing leaves before
	delay      time.Duration
	connection *rate
	link       *rate
}

// run carries until the sender has closed and all has arrived, or the receiver is gone.
func (d *direction) run() {
	inFlight := make(chan packet, d.packetsInFlight())
	go d.send(inFlight)
	for p := range inFlight {
		time.Sleep(time.Until(p.due))
		if len(p.data) == 0 {
			_ = d.to.CloseWrite()
			continue
		}
		if _, err := d.to.Write(p.data); err != nil {
			_ = d.from.Close()
			_ = d.to.Close()
			for range inFlight { // let the sender end
			}
		}
	}
}

// packetsInFlight is what the line holds: twice of what comes in one delay, and a little.
func (d *direction) packetsInFlight() int {
	perSecond := d.connection.perSecond
	if perSecond == 0 {
		perSecond = max(d.link.perSecond, 1e9)
	}
	return 32 + int(2*perSecond*d.delay.Seconds())/packetBytes
}

// send reads what is to be carried, as fast as the rates allow. An empty packet is the end.
func (d *direction) send(inFlight chan<- packet) {
	defer close(inFlight)
	for {
		data := make([]byte, packetBytes)
		n, err := d.from.Read(data)
		now := time.Now()
		if now.Before(d.opened) {
			now = d.opened
		}
		if n > 0 {
			passed := d.link.book(d.connection.book(now, n), n)
			inFlight <- packet{passed.Add(d.delay), data[:n]}
			time.Sleep(time.Until(passed.Add(-ahead)))
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				inFlight <- packet{due: time.Now().Add(ahead + d.delay)}
			}
			return
		}
	}
}

// wan is the link.
type wan struct {
	to       string
	rtt      time.Duration
	perConn  float64 // bytes per second
	up, down rate    // of the link
}

func (w *wan) serve(client *net.TCPConn) {
	defer client.Close()
	opened := time.Now().Add(w.rtt)
	conn, err := net.Dial("tcp", w.to)
	if err != nil {
		log.Print(err)
		return
	}
	server := conn.(*net.TCPConn)
	defer server.Close()
	_ = server.SetReadBuffer(receiveBytes)

	up := &direction{from: client, to: server, opened: opened, delay: w.rtt / 2, connection: &rate{perSecond: w.perConn}, link: &w.up}
	down := &direction{from: server, to: client, delay: w.rtt / 2, connection: &rate{perSecond: w.perConn}, link: &w.down}
	var both sync.WaitGroup
	both.Go(up.run)
	both.Go(down.run)
	both.Wait()
}

func main() {
	listen := flag.String("listen", "127.0.0.1:7001", "`ADDRESS` to listen on")
	to := flag.String("to", "127.0.0.1:7000", "`ADDRESS` of the server")
	rtt := flag.Duration("rtt", 50*time.Millisecond, "round trip")
	connection := flag.Float64("connection", 25, "`MB/s` of one connection, each way; 0 for no limit")
	link := flag.Float64("link", 125, "`MB/s` of all connections together, each way; 0 for no limit")
	flag.Parse()

	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	w := &wan{to: *to, rtt: *rtt, perConn: *connection * 1e6}
	w.up.perSecond, w.down.perSecond = *link*1e6, *link*1e6
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go w.serve(conn.(*net.TCPConn))
	}
}

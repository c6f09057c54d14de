// A server with net/http/pprof, as the oracle of whet.live: every profile has something in it.
package main

import (
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof"
	"runtime"
	"sync"
	"time"
)

var kept [][]byte

func main() {
	runtime.MemProfileRate = 4096
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	var lock sync.Mutex
	for range 2 {
		go func() {
			for {
				lock.Lock()
				kept = append(kept[max(0, len(kept)-100):], make([]byte, 10000))
				time.Sleep(time.Millisecond)
				lock.Unlock()
			}
		}()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	panic(http.Serve(listener, nil))
}

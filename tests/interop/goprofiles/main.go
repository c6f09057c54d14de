// Goprofiles writes the profiles of a small program, one file a kind, into the
// directory given as its argument: input for tests that compare reports.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"time"
)

var kept [][]byte

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func words(n int) int {
	var b strings.Builder
	for i := 0; i < n; i++ {
		fmt.Fprintf(&b, "word %d ", i)
	}
	return len(strings.Fields(b.String()))
}

type stack[T any] struct{ items []T }

func (s *stack[T]) push(x T) { s.items = append(s.items, x) }

func allocate(n int) {
	s := &stack[[]byte]{}
	for i := 0; i < n; i++ {
		s.push(make([]byte, 64<<10))
		if i%4 == 0 {
			kept = append(kept, s.items[len(s.items)-1])
		}
	}
}

func contend(mu *sync.Mutex, wg *sync.WaitGroup) {
	defer wg.Done()
	for i := 0; i < 40; i++ {
		mu.Lock()
		time.Sleep(200 * time.Microsecond)
		mu.Unlock()
	}
}

func work(until time.Time) {
	for i := 0; time.Now().Before(until); i++ {
		labels := pprof.Labels("part", fmt.Sprint("p", i%2))
		pprof.Do(context.Background(), labels, func(context.Context) {
			if i%2 == 0 {
				fib(24)
			} else {
				words(3000)
			}
		})
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func create(dir, name string) *os.File {
	f, err := os.Create(filepath.Join(dir, name+".pb.gz"))
	check(err)
	return f
}

func main() {
	dir := os.Args[1]
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	runtime.MemProfileRate = 16 << 10

	cpu := create(dir, "cpu")
	check(pprof.StartCPUProfile(cpu))
	var wg sync.WaitGroup
	until := time.Now().Add(1200 * time.Millisecond)
	for i := 0; i < 2; i++ {
		wg.Add(1)
		go func() { defer wg.Done(); work(until) }()
	}
	wg.Wait()
	pprof.StopCPUProfile()
	check(cpu.Close())

	allocate(200)
	var mu sync.Mutex
	for i := 0; i < 4; i++ {
		wg.Add(1)
		go contend(&mu, &wg)
	}
	wg.Wait()
	runtime.GC()
	parked := make(chan int)
	for i := 0; i < 5; i++ {
		go func() { <-parked }()
	}
	for i := 0; i < 3; i++ {
		go func() { <-make(chan int) }()
	}
	runtime.Gosched()
	kinds := []string{"heap", "allocs", "mutex", "block", "goroutine", "threadcreate"}
	if pprof.Lookup("goroutineleak") != nil {
		kinds = append(kinds, "goroutineleak")
	}
	for _, name := range kinds {
		f := create(dir, name)
		check(pprof.Lookup(name).WriteTo(f, 0))
		check(f.Close())
	}
	close(parked)
}

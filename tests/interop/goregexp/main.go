// Goregexp answers, for each JSON line {"p": pattern, "t": [texts]} on standard input,
// with a line of the same length: a 1 or 0 a text, or "error" for a bad pattern.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	for in.Scan() {
		var q struct {
			P string
			T []string
		}
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		rx, err := regexp.Compile(q.P)
		if err != nil {
			fmt.Println("error")
			continue
		}
		out := make([]byte, 0, len(q.T))
		for _, t := range q.T {
			if rx.MatchString(t) {
				out = append(out, '1')
			} else {
				out = append(out, '0')
			}
		}
		fmt.Println(string(out))
	}
}

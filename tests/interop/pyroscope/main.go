// Grafana Pyroscope's push service, by its own generated code, with the profile parsed as pprof parses it.
// Prints its address, then a JSON object for each series that arrives.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"

	"connectrpc.com/connect"
	"github.com/google/pprof/profile"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
)

type arrived struct {
	Labels   map[string]string
	ID       string
	Types    []string
	Totals   []int64
	Seconds  float64
	TimeNano int64
}

type pusher struct {
	pushv1connect.UnimplementedPusherServiceHandler
	mutex sync.Mutex
}

func (p *pusher) Push(_ context.Context, request *connect.Request[pushv1.PushRequest]) (*connect.Response[pushv1.PushResponse], error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, series := range request.Msg.Series {
		for _, sample := range series.Samples {
			parsed, err := profile.Parse(bytes.NewReader(sample.RawProfile))
			if err == nil {
				err = parsed.CheckValid()
			}
			if err != nil {
				return nil, connect.NewError(connect.CodeInvalidArgument, err)
			}
			one := arrived{Labels: map[string]string{}, ID: sample.ID, Seconds: float64(parsed.DurationNanos) / 1e9, TimeNano: parsed.TimeNanos}
			for _, pair := range series.Labels {
				one.Labels[pair.Name] = pair.Value
			}
			one.Totals = make([]int64, len(parsed.SampleType))
			for _, kind := range parsed.SampleType {
				one.Types = append(one.Types, kind.Type+"/"+kind.Unit)
			}
			for _, s := range parsed.Sample {
				for i, value := range s.Value {
					one.Totals[i] += value
				}
			}
			json.NewEncoder(os.Stdout).Encode(one)
		}
	}
	return connect.NewResponse(&pushv1.PushResponse{}), nil
}

func main() {
	mux := http.NewServeMux()
	mux.Handle(pushv1connect.NewPusherServiceHandler(&pusher{}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr())
	http.Serve(listener, mux)
}

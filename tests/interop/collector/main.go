// The OpenTelemetry collector: its service, its OTLP receiver, and an exporter that prints what arrives.
// Prints the receiver's address as soon as it serves, then a JSON object for each profile.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/xconsumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/xexporter"
	"go.opentelemetry.io/collector/featuregate"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry"
)

type printer struct {
	component.StartFunc
	component.ShutdownFunc
}

func (printer) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

// sample is what a sample says, without tables.
type sample struct {
	Stack      []string
	Attributes map[string]string
	Values     []int64
}

type arrived struct {
	Resource   map[string]any
	Scope      string
	ID         string
	Type       string
	PeriodType string
	Period     int64
	TimeNano   int64
	Nanos      uint64
	Samples    []sample
}

// ConsumeProfiles merges the profiles into an empty set, as batching exporters do, which follows every index.
func (printer) ConsumeProfiles(_ context.Context, profiles pprofile.Profiles) error {
	merged := pprofile.NewProfiles()
	addZeros(merged.Dictionary())
	if err := profiles.MergeTo(merged); err != nil {
		return consumererror.NewPermanent(err)
	}
	tables := merged.Dictionary()
	for _, resource := range merged.ResourceProfiles().All() {
		for _, scope := range resource.ScopeProfiles().All() {
			for _, profile := range scope.Profiles().All() {
				one := describe(profile, tables)
				one.Resource = resource.Resource().Attributes().AsRaw()
				one.Scope = scope.Scope().Name()
				if err := json.NewEncoder(os.Stdout).Encode(one); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// addZeros makes the first row of each table the one that means none, which MergeTo takes for granted.
func addZeros(tables pprofile.ProfilesDictionary) {
	tables.StringTable().Append("")
	tables.MappingTable().AppendEmpty()
	tables.LocationTable().AppendEmpty()
	tables.FunctionTable().AppendEmpty()
	tables.LinkTable().AppendEmpty()
	tables.AttributeTable().AppendEmpty()
	tables.StackTable().AppendEmpty()
}

func describe(profile pprofile.Profile, tables pprofile.ProfilesDictionary) arrived {
	text := tables.StringTable()
	named := func(kind pprofile.ValueType) string {
		return text.At(int(kind.TypeStrindex())) + "/" + text.At(int(kind.UnitStrindex()))
	}
	one := arrived{
		ID:         profile.ProfileID().String(),
		Type:       named(profile.SampleType()),
		PeriodType: named(profile.PeriodType()),
		Period:     profile.Period(),
		TimeNano:   int64(profile.Time()),
		Nanos:      profile.DurationNano(),
		Samples:    []sample{},
	}
	for _, s := range profile.Samples().All() {
		found := sample{Stack: []string{}, Attributes: map[string]string{}, Values: s.Values().AsRaw()}
		for _, place := range tables.StackTable().At(int(s.StackIndex())).LocationIndices().All() {
			for _, line := range tables.LocationTable().At(int(place)).Lines().All() {
				function := tables.FunctionTable().At(int(line.FunctionIndex()))
				name, file := text.At(int(function.NameStrindex())), text.At(int(function.FilenameStrindex()))
				found.Stack = append(found.Stack, fmt.Sprintf("%s %s:%d", name, file, line.Line()))
			}
		}
		for _, place := range s.AttributeIndices().All() {
			attribute := tables.AttributeTable().At(int(place))
			unit := text.At(int(attribute.UnitStrindex()))
			found.Attributes[text.At(int(attribute.KeyStrindex()))] = attribute.Value().AsString() + unit
		}
		one.Samples = append(one.Samples, found)
	}
	return one
}

func newPrinter(context.Context, exporter.Settings, component.Config) (xexporter.Profiles, error) {
	return printer{}, nil
}

var _ xconsumer.Profiles = printer{}

func noConfig() component.Config { return &struct{}{} }

func factories() (otelcol.Factories, error) {
	kind := component.MustNewType("printer")
	printers := xexporter.NewFactory(
		kind,
		noConfig,
		xexporter.WithProfiles(newPrinter, component.StabilityLevelDevelopment),
	)
	receivers := otlpreceiver.NewFactory()
	return otelcol.Factories{
		Receivers: map[component.Type]receiver.Factory{receivers.Type(): receivers},
		Exporters: map[component.Type]exporter.Factory{kind: printers},
		// The collector says nothing of itself.
		Telemetry: telemetry.NewFactory(noConfig),
	}, nil
}

// freeAddress returns an address that nobody listens at, a moment ago.
func freeAddress() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	return listener.Addr().String()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	check(featuregate.GlobalRegistry().Set("service.profilesSupport", true))
	address := freeAddress()
	collector, err := otelcol.NewCollector(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Version: "0"},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			URIs: []string{
				"yaml:receivers::otlp::protocols::http::endpoint: " + address,
				"yaml:exporters::printer: {}",
				"yaml:service::pipelines::profiles::receivers: [otlp]",
				"yaml:service::pipelines::profiles::exporters: [printer]",
			},
			ProviderFactories: []confmap.ProviderFactory{yamlprovider.NewFactory()},
		}},
	})
	check(err)
	go func() {
		for collector.GetState() != otelcol.StateRunning {
			time.Sleep(5 * time.Millisecond)
		}
		fmt.Println(address)
	}()
	check(collector.Run(context.Background()))
}

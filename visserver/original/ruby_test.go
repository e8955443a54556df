package original

import "testing"

func TestIntegersAreThoseOfRuby(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "42": "42", " 42 ": "42", "+7": "7", "-7": "-7", "2012": "2012", "1_000": "1000",
		"0x10": "16", "0XfF": "255", "-0x10": "-16", "010": "8", "0_10": "8", "0o17": "15", "0b101": "5",
		"0d12": "12", "0D09": "9", "0d1_0": "10", "-0": "0",
		"123456789012345678901234567890": "123456789012345678901234567890",
	} {
		if got, ok := parseInteger(text); !ok || string(got) != want {
			t.Errorf("Integer(%q) = %q, %v; want %s", text, got, ok, want)
		}
	}
	for _, text := range []string{"", " ", "-", "x", "08", "0x", "0b2", "1__0", "_1", "1_", "1 2", "- 1", "--1", "1.0", "0d", "٣"} {
		if got, ok := parseInteger(text); ok {
			t.Errorf("Integer(%q) = %s, want none", text, got)
		}
	}
}

func TestFloatsAreThoseOfRuby(t *testing.T) {
	for text, want := range map[string]bool{
		"12.04": true, "1.5": true, "1e5": true, "-1E-5": true, ".5": true, "08": true, "1_0.5": true, "0x1p3": true, " 1.0 ": true,
		"": false, "1.": false, "1.2.3": false, "e5": false, "1e": false, "NaN": false, "Infinity": false, ".": false,
		"12.04 LTS": false, "1._5": false,
	} {
		if got := isFloat(text); got != want {
			t.Errorf("Float(%q) is %v, want %v", text, got, want)
		}
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]any{
		"2012-06-15 21:05:20 +0100":         "2012-06-15 21:05:20 +0100",
		"built 2012/6/5 21:05:20 -0100 (x)": "2012-06-05 21:05:20 -0100",
		"2012-06-15":                        "2012-06-15",
		"7":                                 integer("7"),
		"Ubuntu 12.04":                      "Ubuntu 12.04",
		"":                                  "",
	} {
		if got, err := parseValue(text, "PostImage"); got != want || err != nil {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"12.04", "2012-13-15 21:05:20 +0100"} {
		if _, err := parseValue(text, "PostImage"); kindOf(err) != unexpected || err == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestInspect(t *testing.T) {
	value := hash{{"a", nil}, {"two-words", "x \"y\" \\ #{z} á\n"}, {"n", integer("5")}, {"list", []hash{{{"k", "v"}}}}}
	const want = `{:a=>nil, :"two-words"=>"x \"y\" \\ \#{z} á\n", :n=>5, :list=>[{:k=>"v"}]}`
	if got := inspect(value); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

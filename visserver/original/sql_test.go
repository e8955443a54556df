package original

import (
	"slices"
	"strings"
	"testing"
)

func TestPastedTextIsReadAsSQL(t *testing.T) {
	for pasted, want := range map[string]string{
		`plain`:                  `plain`,
		`a\c`:                    `ac`,
		`a\\c`:                   `a\c`,
		`a\nc`:                   "a\nc",
		`a\'c`:                   `a'c`,
		`a''c`:                   `a'c`,
		`a' 'c`:                  `ac`,
		`100\%`:                  `100\%`,
		`a "quoted" word`:        `a "quoted" word`,
		`x') /* the rest is */#`: `x`,
	} {
		values, err := parseSQL("INSERT (", literal(pasted)+")").values()
		if err != nil || len(values) != 1 || values[0].text != want {
			t.Errorf("%q: %v (%v), want %q", pasted, values, err, want)
		}
	}
}

func TestSyntaxErrorsShowTheRest(t *testing.T) {
	for statement, near := range map[string]string{
		`'Joao's image', 'x86_64')`:    `'s image', 'x86_64')' at line 1`,
		`'a\', 'x86_64', 'foo')`:       `'x86_64', 'foo')' at line 1`,
		`'a', , 'b')`:                  `', 'b')' at line 1`,
		`'a'`:                          `'' at line 1`,
		"'a'\n, 'b":                    `''b' at line 2`,
		`x` + strings.Repeat("é", 100): `'x` + strings.Repeat("é", 76) + `...' at line 1`,
		`'a') or so`:                   `'or so' at line 1`,
		`-'a')`:                        `''a')' at line 1`,
	} {
		_, err := parseSQL("INSERT (", statement).values()
		if kindOf(err) != internal || !strings.HasSuffix(err.Error(), "to use near "+near) {
			t.Errorf("%q: %v, want …near %s", statement, err, near)
		}
	}
}

func TestConditions(t *testing.T) {
	r := row{"_id": "1", "name": "Foo ", "owner": "foo", "size": "9000", "created_at": "2026-11-24 03:52:00"}
	for condition, want := range map[string]bool{
		`name='foo'`:                             true,
		`name='bar'`:                             false,
		`size='9000'`:                            true,
		`size='9000 bytes'`:                      true,
		`size=9000.0`:                            true,
		`location=''`:                            false,
		`created_at='2026-11-24 03:52:00 +0000'`: true,
		`created_at='yesterday'`:                 false,
		`name='x' OR '1'='1' AND owner='foo'`:    true,
		`(name='x' or 1=1) AND owner='bar'`:      false,
		`'0'`:                                    false,
		`size`:                                   true,
		`location`:                               false,
		`NAME='foo' -- ' AND owner='bar'`:        true,
		strings.Repeat("(", 90) + "1" + strings.Repeat(")", 90): true,
	} {
		p := parseSQL("", condition)
		matches, err := p.where()
		if err != nil || p.end() != nil || matches(r) != want {
			t.Errorf("%s: %v %v, want %v", condition, err, p.end(), want)
		}
	}
	for _, condition := range []string{"", "name=", "name='a' AND", "nope=1", "(1", strings.Repeat("(", 1e5)} {
		if _, err := parseSQL("", condition).where(); kindOf(err) != internal {
			t.Errorf("%.20s: %v", condition, err)
		}
	}
}

func TestOrder(t *testing.T) {
	rows := []row{{"_id": "1", "name": "b", "size": "10"}, {"_id": "2", "name": "A"}, {"_id": "3", "name": "b", "size": "9"}}
	for clause, want := range map[string]string{
		"ORDER BY _id asc":             "123",
		"ORDER BY name asc":            "213",
		"ORDER BY size asc":            "231",
		"ORDER BY size desc":           "132",
		"order by name desc, size asc": "312",
	} {
		by, err := parseSQL("", clause).orderBy()
		if err != nil {
			t.Fatal(err)
		}
		sorted := slices.Clone(rows)
		sortRows(sorted, by)
		if got := sorted[0]["_id"] + sorted[1]["_id"] + sorted[2]["_id"]; got != want {
			t.Errorf("%s: %s, want %s", clause, got, want)
		}
	}
	for _, clause := range []string{"ORDER BY nope asc", "ORDER BY  asc x", "ORDER BY name up", "ORDER name", "ORDER BY"} {
		if _, err := parseSQL("", clause).orderBy(); kindOf(err) != internal {
			t.Errorf("%s: %v", clause, err)
		}
	}
}

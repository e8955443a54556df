package original

// scene is some recordings that are replayed one after the other in one server.
type scene struct {
	play   string             // names of recordings, in order
	set    func(*stage)       // the state before the first one
	before map[string]actions // the state before others
}

type actions []func(*stage)

// excused are the recordings that are not replayed, and why.
var excused = map[string]string{
	"post-over-2gib":        "its body of 2400 MiB was not kept; head-over-2gib and TestSizesAreClamped have the clamp",
	"strict-post-body":      "MySQL in strict mode, in which VIS cannot store anything: this server plays the other mode",
	"strict-post-long-name": "MySQL in strict mode, see strict-post-body",
	"strict-post-meta":      "MySQL in strict mode, see strict-post-body",
	"strict-post-size":      "MySQL in strict mode, see strict-post-body",
}

// scenes are the recordings that need a state beyond their own image or that make
// one for others. All other recordings are scenes of their own.
var scenes = []scene{
	{play: "list-empty post-meta list-brief list-detail head-locked get-locked"},
	{
		play: "post-body-chunked head-available get-file-http10 get-file get-range",
		before: map[string]actions{"get-file-http10": {func(st *stage) {
			st.await("671a6790-9f2a-4f63-83a7-c157220a2db7.iso", 10240)
		}}},
	},
	{play: "post-custom-long detail-after-longcustom"},
	{play: "post-small-body get-small-after-post"},
	{
		play: "list-foo list-alice detail-alice list-arch list-arch-none list-format-nomatch list-format-sort " +
			"list-sort-only list-name-plus list-name-spaces list-owner-other list-size list-unknown " +
			"list-access-public list-badsort list-dup-param list-injection list-quote list-status detail-format " +
			"get-format-query get-id-query get-other-private head-other-private list-empty-param",
		set: func(st *stage) {
			st.shown("detail-format")
			st.shown("detail-alice")
			st.image("e0c00dd2-4e9a-4adf-ac7b-fd806e2ad261", row{"name": "foo private", "access": "private",
				"format": "vhd", "size": "9000", "status": "available"})
			st.file("98fadddd-efee-406a-acb2-11794c589d7c.iso", streamedFile(st.t, "get-id-query", 20000))
			st.file("be215090-0900-498c-8363-606bc6842203.none", streamedFile(st.t, "get-other-private", 9000))
		},
	},
	{
		play: "put-meta put-body-available put-meta-body-available put-override put-owner-back " +
			"put-status-error put-status-locked put-location-empty",
		set: func(st *stage) {
			st.shownBut("put-meta", row{"name": "alpha", "updated_at": "2026-11-24 03:52:47"})
		},
	},
	{
		play: "put-nothing put-meta-locked put-custom-replace put-bad-arch put-readonly put-readonly-id put-body-locked",
		set: func(st *stage) {
			st.shownBut("put-meta-locked", row{"name": "lock", "others": "", "updated_at": ""})
		},
	},
	{play: "put-status-bogus", set: func(st *stage) {
		st.shownBut("put-status-bogus", row{"status": "locked", "updated_at": ""})
	}},
	{play: "put-status-avail-nofile get-avail-nofile", set: func(st *stage) {
		st.shownBut("put-status-avail-nofile", row{"status": "locked", "updated_at": ""})
	}},
	{
		play: "put-wrong-ct put-body-error put-kernel-missing put-other-user put-null",
		set: func(st *stage) {
			st.shownBut("put-body-error", row{"status": "locked", "updated_at": "", "location": "", "size": "", "checksum": ""})
		},
	},
	{play: "put-body-duplicated", set: func(st *stage) {
		st.image("1445bde9-9fd6-42e0-be35-8b3400574e39", nil)
		st.file("1445bde9-9fd6-42e0-be35-8b3400574e39.none", []byte("here"))
	}},
	{play: "put-body-lcs", set: func(st *stage) { st.image("90058983-df11-45b7-b733-1bb8df4e74ae", nil) }},
	{play: "put-body-store-bad", set: func(st *stage) { st.image("b4fb1cfb-c4b7-4953-bce8-2d7efee41a96", nil) }},
	{play: "put-body-uploading", set: func(st *stage) {
		st.image("7a1e24ba-7b1f-48c2-bfe0-86bb6b510480", row{"status": "uploading"})
	}},
	{play: "put-location", set: func(st *stage) {
		st.shownBut("put-location", row{"location": "", "status": "locked", "updated_at": ""})
	}},
	{
		play: "put-zero-length put-zero-chunked put-meta-zero list-head-accept-missing get-locked-range delete-with-query",
		set: func(st *stage) {
			st.shownBut("put-meta-zero", row{"name": "e1", "updated_at": ""})
			st.shown("get-error-with-location")
			st.shown("head-utf8")
		},
	},
	{play: "head-utf8 list-utf8 list-utf8-filter", set: func(st *stage) { st.shown("head-utf8") }},
	{
		play: "rubyclient-list-empty rubyclient-post-meta rubyclient-post-file rubyclient-head rubyclient-get " +
			"rubyclient-get-missing rubyclient-head-missing rubyclient-get-locked rubyclient-list rubyclient-detail " +
			"rubyclient-list-query rubyclient-put-meta rubyclient-put-file rubyclient-put-conflict rubyclient-badsig " +
			"rubyclient-delete rubyclient-delete-missing",
		before: map[string]actions{"rubyclient-get": {func(st *stage) {
			st.await("5662192c-fe11-4f4a-9f55-e2bc69a186d5.iso", 20000)
		}}},
	},
	{play: "delete delete-again"},
	{play: "head-vanished get-vanished delete-vanished", set: func(st *stage) { st.shown("head-vanished") }},
	{play: "delete-vanished-store-file head-after-delete-vanished", set: func(st *stage) {
		st.image("609199fd-8ce7-4fe3-8f29-9fc0d81a3bb2", row{"store": "file", "status": "available",
			"location": "file://" + recordedStore + "/609199fd-8ce7-4fe3-8f29-9fc0d81a3bb2.none"})
	}},
	{play: "get-unsupported delete-unsupported", set: func(st *stage) {
		st.shownBut("delete-unsupported", row{"access_count": "0", "accessed_at": ""})
	}},
	{play: "delete-unsupported-store", set: func(st *stage) {
		st.image("4457b482-d8f1-4c5f-bd15-41584fd19575", row{"store": "file", "location": "ftp://x/y.iso"})
	}},
	{
		play: "get-empty-location delete-all list-after-delete-all get-trailing-slash head-detail xml-list xml-detail " +
			"get-file-accept-json xml-post xml-404 accept-html accept-octet accept-q accept-star accept-gzip query-format-xml",
		set: func(st *stage) {
			const at = "2026-11-24 03:53:41"
			st.image("362bd803-05b9-455a-a9da-1ae39f5bdcbb", row{"name": "emptyloc", "status": "available",
				"location": "", "size": "10000", "created_at": at, "uploaded_at": at, "updated_at": at,
				"checksum": "ca8fb88d08789eca2b13b61e19bad53e"})
			st.image("67be517e-87a4-4271-a344-36b763ee9a8c", row{"name": "one", "created_at": at})
		},
		before: map[string]actions{"xml-list": {func(st *stage) {
			st.shown("get-file-accept-json")
			st.file("0d256e83-f98d-4a98-aa72-8bd0c8318cc3.none", streamedFile(st.t, "get-file-accept-json", 10000))
		}}},
	},
	{
		play: "auth-date-2012 auth-date-garbage auth-no-date auth-query-ok auth-query-ok-alice auth-query-signed " +
			"auth-content-md5 auth-abs-uri auth-ctype-get auth-replay auth-meta-underscore auth-meta-upper conn-close " +
			"conn-keepalive http10 http10-ka cond-inm hdr-8192 hdr-32768 hdr-65536 hdr-79000 hdr-82000 hdr-120000 get-keepalive",
		set: func(st *stage) {
			st.shown("auth-date-2012")
			st.file("91ba61ea-d704-4607-a3f4-c5eb376933d3.none", streamedFile(st.t, "get-keepalive", 10000))
		},
	},
	{
		play: "post-loc-http get-loc-http post-loc-http-redir delete-loc-http post-kernel-bad post-loc-http-404 " +
			"post-others post-uploaded-at post-ct-case post-ct-lowername post-ct-params post-kernel-ok " +
			"put-custom-long head-custom-long list-custom-long delete-custom-long",
		set: func(st *stage) {
			st.image("0c8e0a16-fd1f-437f-aab3-20e95a6cc921", row{"name": "machine"})
			st.image("6d7fd9f6-cab5-41d1-b5cf-b238834364de", row{"name": "k", "type": "kernel", "format": "aki"})
			st.shownBut("delete-custom-long", row{"others": "", "updated_at": "", "access_count": "0", "accessed_at": ""})
		},
	},
	{play: "get-tail-lost", set: func(st *stage) {
		const id = "8323f8fb-72a8-46ef-8b54-b97c62ead31a"
		st.shown("get-tail-lost")
		st.upload(id, streamedFile(st.t, "get-tail-lost", 65541))
		st.await(id+".none", 65536)
	}},
	{play: "get-2040-mib", set: func(st *stage) { st.sparse("sparse2040.iso", 2040<<20) }},
	{play: "get-2100-mib", set: func(st *stage) { st.sparse("sparse2100.iso", 2100<<20) }},
	{play: "post-loc-https list-case get-loc-https"},
	{play: "delete-loc-store-file", set: func(st *stage) { st.file("ext.iso", []byte("x")) }},
}

// ids are those of images that the replies do not show.
var ids = map[string]string{
	"post-ct-case":      "99bec4c4-b76a-44e1-8c11-59705311031e",
	"post-ct-lowername": "aefd7c53-f7ca-4da2-91f7-125a19c1d4fd",
	"post-ct-params":    "30116c4c-3e3d-4d4b-94f8-1cd2259513e4",
}

// chunkedBodies are the sizes of uploads in chunks whose recording was cut.
var chunkedBodies = map[string]int{
	"post-body-chunked": 10240, "put-body-locked": 20000,
	"rubyclient-post-file": 20000, "rubyclient-put-file": 20000, "rubyclient-put-conflict": 20000,
}

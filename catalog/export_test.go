package catalog

// Fetching returns a catalog of what a function lists.
var Fetching = newCatalog

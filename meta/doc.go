// Package meta is the vocabulary of the VISOR Image System (VIS): what an image
// is, which attributes it has, and how they are written.
//
// An [Image] is one record of a VIS repository. Its attributes travel in three
// forms, and one table, [Attributes], drives all of them:
//
//	JSON object key     "architecture": "x86_64"
//	HTTP header         x-image-meta-architecture: x86_64
//	extended attribute  user.visor.architecture="x86_64"
//
// Attributes that the table does not know are custom: any key a user sets is
// kept by the server and lives in [Image.Other].
//
// [Fields] is a partial edit, attribute name to new value: what a POST or PUT
// carries. [Fields.ValidateNew] and [Fields.ValidateUpdate] apply the rules of
// VIS to it.
//
// An image moves through the states [Locked] (registered, no data),
// [Uploading], and [Available] or [Failed]. Only Locked and Failed images take
// data; the data of an Available image never change, which is why
// [Image.Version] can name them.
//
// The package knows neither HTTP clients nor servers nor filesystems, and
// imports the standard library only.
package meta

package meta

import "maps"

// Equal reports whether two records say the same.
func (img *Image) Equal(other *Image) bool {
	return img.ID == other.ID && img.URI == other.URI && img.Name == other.Name &&
		img.Architecture == other.Architecture && img.Access == other.Access &&
		img.Type == other.Type && img.Format == other.Format &&
		img.Store == other.Store && img.Location == other.Location &&
		img.Kernel == other.Kernel && img.Ramdisk == other.Ramdisk &&
		img.Owner == other.Owner && img.Status == other.Status && img.Size == other.Size &&
		img.CreatedAt.Equal(other.CreatedAt) && img.UploadedAt.Equal(other.UploadedAt) &&
		img.UpdatedAt.Equal(other.UpdatedAt) && img.AccessedAt.Equal(other.AccessedAt) &&
		img.AccessCount == other.AccessCount && img.Checksum == other.Checksum &&
		maps.Equal(img.Other, other.Other)
}

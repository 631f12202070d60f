package api

import "testing"

// Live feeds tell of the free space in steps: other programs change it all the time.
func TestALiveFeedDoesNotTellOfEveryByteOfFreeSpace(t *testing.T) {
	free := func(n int64) int64 {
		view := StatusView{Storage: &StorageStatus{FreeBytes: &n}}
		shown := steady(view)
		if *view.Storage.FreeBytes != n {
			t.Error("the status itself was changed")
		}
		return *shown.Storage.FreeBytes
	}
	const gib = 1 << 30
	if free(gib+1) != gib || free(gib+freeStep-1) != gib || free(gib+freeStep) != gib+freeStep || free(1) != 0 {
		t.Errorf("%d, %d, %d, %d", free(gib+1), free(gib+freeStep-1), free(gib+freeStep), free(1))
	}
	if steady(StatusView{}).Storage != nil || steady(StatusView{Storage: &StorageStatus{}}).Storage.FreeBytes != nil {
		t.Error("an unknown free space is shown")
	}
}

package datastore

// PageBytes is the size at which a page of rows ends, by Row.Bytes: a page holds no
// further row once its rows have it together. It bounds what a reader of pages holds,
// however large rows are.
const PageBytes = 1 << 20

// Page collects the rows of a page while they are read. Adapters use it, so that
// pages end alike everywhere.
type Page struct {
	Rows []Row
	// Limit is the number of rows that the page may hold.
	Limit int
	bytes int
}

// Add adds a row and reports whether the page may hold more.
func (p *Page) Add(row Row) bool {
	p.Rows = append(p.Rows, row)
	p.bytes += row.Bytes()
	return !p.Full()
}

// Full reports whether the page holds no further row.
func (p *Page) Full() bool { return len(p.Rows) >= p.Limit || p.bytes >= PageBytes }

// MoreRows reports whether there may be rows after a page that was read with a limit.
func MoreRows(rows []Row, limit int) bool {
	page := Page{Limit: limit}
	for i := range rows {
		page.bytes += rows[i].Bytes()
	}
	page.Rows = rows
	return page.Full()
}

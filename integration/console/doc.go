// Package console tests the web pages in a real browser, Chromium, over the DevTools
// protocol: what an operator does with a replay, what the pages show of hostile data and
// of a platform that is gone, and that people who see little or nothing can use them.
//
// With REPRISE_SCREENSHOTS=DIR the test writes a picture of each page to DIR.
package console

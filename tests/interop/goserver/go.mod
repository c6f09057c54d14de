// Without a version, Go builds a server that behaves like those of years ago.
module goserver

go 1.27

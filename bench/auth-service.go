// A stand-in for a forward-auth service: looks the session cookie up in memory and answers 200 or 401. It is kinder than the
// real ones, which ask a store, sign and log. Arguments: port, session id that is let in.
package main

import (
	"net/http"
	"os"
)

func main() {
	sessions := map[string]string{os.Args[2]: "person0@example.com"}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("auth_session")
		if err != nil {
			w.WriteHeader(401)
			return
		}
		user, found := sessions[cookie.Value]
		if !found {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Remote-User", user)
		w.WriteHeader(200)
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		panic(err)
	}
}

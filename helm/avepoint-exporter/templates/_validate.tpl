{{/* What no schema can say in words: each mistake ends the rendering with one sentence that says what to change. */}}
{{- define "avepoint-exporter.validate" -}}
{{- $sources := list -}}
{{- if .Values.accounts }}{{ $sources = append $sources "accounts" }}{{ end -}}
{{- if .Values.existingConfig.configMap }}{{ $sources = append $sources "existingConfig.configMap" }}{{ end -}}
{{- if .Values.existingConfig.secret }}{{ $sources = append $sources "existingConfig.secret" }}{{ end -}}
{{- if .Values.demo.enabled }}{{ $sources = append $sources "demo.enabled" }}{{ end -}}
{{- if gt (len $sources) 1 -}}
{{- fail (printf "%s are set, but only one of them can be used." (join " and " $sources)) -}}
{{- end -}}
{{- $seen := dict -}}
{{- range $index, $account := .Values.accounts -}}
{{- if hasKey $seen $account.name -}}
{{- fail (printf "accounts[%d].name %s is taken by another account; choose another name." $index $account.name) -}}
{{- end -}}
{{- $_ := set $seen $account.name true -}}
{{- include "avepoint-exporter.validateAuth" (list (printf "accounts[%d].auth" $index) $account.auth) -}}
{{- if regexMatch "://[^/]*@" (default "" $account.proxy_url) -}}
{{- fail (printf "accounts[%d].proxy_url holds a password, which would be readable in a ConfigMap; put the whole configuration into a Secret and name it in existingConfig.secret." $index) -}}
{{- end -}}
{{- end -}}
{{- include "avepoint-exporter.validateWeb" . -}}
{{- if and .Values.ca.configMap .Values.ca.secret -}}
{{- fail "ca.configMap and ca.secret are set, but only one of them can be used." -}}
{{- end -}}
{{- range $name, $url := pick .Values.proxy "httpProxy" "httpsProxy" -}}
{{- if regexMatch "://[^/]*@" $url -}}
{{- fail (printf "proxy.%s holds a password, which would be readable in the pod's environment; name a Secret in extraEnvFrom, or put the configuration with proxy_url into existingConfig.secret." $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.persistence.existingClaim (not .Values.persistence.enabled) -}}
{{- fail "persistence.existingClaim is set, but persistence.enabled is not." -}}
{{- end -}}
{{- if and .Values.persistence.existingClaim (include "avepoint-exporter.sharded" .) -}}
{{- fail "persistence.existingClaim is one volume, but each of the shards needs its own; leave it empty." -}}
{{- end -}}
{{- if and (not (kindIs "invalid" .Values.podDisruptionBudget.minAvailable)) (not (kindIs "invalid" .Values.podDisruptionBudget.maxUnavailable)) -}}
{{- fail "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are set, but only one of them can be used." -}}
{{- end -}}
{{- end -}}

{{/* One account's credentials: list PATH AUTH. */}}
{{- define "avepoint-exporter.validateAuth" -}}
{{- $path := index . 0 -}}
{{- $auth := index . 1 -}}
{{- $existing := default dict $auth.existing_secret -}}
{{- $ways := list -}}
{{- range $key := list "existing_secret" "client_secret" "client_secret_file" "certificate" "certificate_file" -}}
{{- if index $auth $key }}{{ $ways = append $ways $key }}{{ end -}}
{{- end -}}
{{- if not $ways -}}
{{- fail (printf "%s has no credentials; set one of existing_secret, client_secret, certificate, client_secret_file, certificate_file." $path) -}}
{{- end -}}
{{- if gt (len $ways) 1 -}}
{{- fail (printf "%s has %s, but only one of them can be used." $path (join " and " $ways)) -}}
{{- end -}}
{{- if $auth.existing_secret -}}
{{- if and $existing.client_secret_key $existing.certificate_key -}}
{{- fail (printf "%s.existing_secret has client_secret_key and certificate_key, but only one of them can be used." $path) -}}
{{- end -}}
{{- if not (or $existing.client_secret_key $existing.certificate_key) -}}
{{- fail (printf "%s.existing_secret names no key; set client_secret_key or certificate_key." $path) -}}
{{- end -}}
{{- if and $existing.certificate_password_key (not $existing.certificate_key) -}}
{{- fail (printf "%s.existing_secret.certificate_password_key is for certificate_key, which is not set." $path) -}}
{{- end -}}
{{- end -}}
{{- if and $auth.certificate_password (not $auth.certificate) -}}
{{- fail (printf "%s.certificate_password is for certificate, which is not set." $path) -}}
{{- end -}}
{{- if and $auth.certificate_password_file (not $auth.certificate_file) -}}
{{- fail (printf "%s.certificate_password_file is for certificate_file, which is not set." $path) -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.validateWeb" -}}
{{- $web := .Values.web -}}
{{- if $web.existingSecret.name -}}
{{- if or $web.tls.secretName $web.basicAuthUsers $web.tls.clientCAKey -}}
{{- fail "web.existingSecret is the whole web configuration; web.tls.secretName, web.tls.clientCAKey and web.basicAuthUsers cannot be used with it." -}}
{{- end -}}
{{- else -}}
{{- if and $web.tls.enabled (not $web.tls.secretName) -}}
{{- fail "web.tls.enabled needs web.tls.secretName, a Secret with a certificate and its key." -}}
{{- end -}}
{{- if and $web.tls.secretName (not $web.tls.enabled) -}}
{{- fail "web.tls.secretName is set, but web.tls.enabled is not." -}}
{{- end -}}
{{- if or $web.existingSecret.verifiesClients $web.existingSecret.basicAuth -}}
{{- fail "web.existingSecret.verifiesClients and web.existingSecret.basicAuth describe the Secret in web.existingSecret.name, which is not set." -}}
{{- end -}}
{{- end -}}
{{- if .Values.serviceMonitor.enabled -}}
{{- if and $web.tls.enabled (not .Values.serviceMonitor.tlsConfig) -}}
{{- fail "serviceMonitor.tlsConfig is needed with web.tls.enabled: it says how Prometheus verifies the certificate." -}}
{{- end -}}
{{- if and (include "avepoint-exporter.basicAuth" .) (not .Values.serviceMonitor.basicAuth) -}}
{{- fail "serviceMonitor.basicAuth is needed with basic authentication: it names the Secret with the user and the password of Prometheus." -}}
{{- end -}}
{{- end -}}
{{- end -}}

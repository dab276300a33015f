{{/* Check combinations of values, which the schema cannot check. Each error message names the values and the fix. */}}
{{- define "avepoint-exporter.validate" -}}
{{- $sources := list -}}
{{- if .Values.accounts }}{{ $sources = append $sources "accounts" }}{{ end -}}
{{- if .Values.existingConfig.configMap }}{{ $sources = append $sources "existingConfig.configMap" }}{{ end -}}
{{- if .Values.existingConfig.secret }}{{ $sources = append $sources "existingConfig.secret" }}{{ end -}}
{{- if .Values.demo.enabled }}{{ $sources = append $sources "demo.enabled" }}{{ end -}}
{{- include "avepoint-exporter.onlyOne" $sources -}}
{{- if and .Values.expectations (not .Values.accounts) -}}
{{- fail "expectations needs accounts; with existingConfig, set expectations in the configuration file." -}}
{{- end -}}
{{- include "avepoint-exporter.validateExpectations" (list "expectations" .Values.expectations) -}}
{{- include "avepoint-exporter.validateAccounts" . -}}
{{- include "avepoint-exporter.validateWeb" . -}}
{{- include "avepoint-exporter.validateMonitors" . -}}
{{- if and .Values.ca.configMap .Values.ca.secret -}}
{{- include "avepoint-exporter.onlyOne" (list "ca.configMap" "ca.secret") -}}
{{- end -}}
{{- range $name, $url := pick .Values.proxy "httpProxy" "httpsProxy" -}}
{{- if contains "@" (default "" $url) -}}
{{- fail (printf "proxy.%s contains credentials, which anyone who can read the pod could read; use extraEnvFrom with a Secret, or proxy_url in a configuration file in existingConfig.secret." $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.service.nodePort (eq .Values.service.type "ClusterIP") -}}
{{- fail "service.nodePort needs service.type NodePort or LoadBalancer." -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail "ingress.enabled needs ingress.hosts." -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs, the gateways of the route." -}}
{{- end -}}
{{- include "avepoint-exporter.validateStorage" . -}}
{{- include "avepoint-exporter.validatePods" . -}}
{{- if and (not (kindIs "invalid" .Values.podDisruptionBudget.minAvailable)) (not (kindIs "invalid" .Values.podDisruptionBudget.maxUnavailable)) -}}
{{- include "avepoint-exporter.onlyOne" (list "podDisruptionBudget.minAvailable" "podDisruptionBudget.maxUnavailable") -}}
{{- end -}}
{{- end -}}

{{/* Fail if more than one value of a list is set, because the values exclude each other. */}}
{{- define "avepoint-exporter.onlyOne" -}}
{{- if gt (len .) 1 -}}
{{- fail (printf "%s are set, but only one of them can be used." (join " and " .)) -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.validateAccounts" -}}
{{- $names := dict -}}
{{- range $index, $account := .Values.accounts -}}
{{- if hasKey $names $account.name -}}
{{- fail (printf "accounts[%d].name: %s is the name of another account; choose another name." $index $account.name) -}}
{{- end -}}
{{- $_ := set $names $account.name true -}}
{{- if and (eq $account.type "tenant") (not $account.data_center) (not $account.base_url) (eq (default "commercial" $account.environment) "commercial") -}}
{{- fail (printf "accounts[%d].data_center is missing; set it to the data center of the tenant, or set base_url." $index) -}}
{{- end -}}
{{- include "avepoint-exporter.validateExpectations" (list (printf "accounts[%d].expectations" $index) $account.expectations) -}}
{{- include "avepoint-exporter.validateAuth" (list (printf "accounts[%d].auth" $index) $account.auth) -}}
{{- range $key := list "base_url" "token_url" "proxy_url" -}}
{{- if contains "@" (default "" (index $account $key)) -}}
{{- fail (printf "accounts[%d].%s contains credentials, which anyone who can read the ConfigMap could read; %s." $index $key (ternary "put the configuration file into a Secret and set existingConfig.secret" "remove them" (eq $key "proxy_url"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The exceptions of expectations: list PATH EXPECTATIONS. */}}
{{- define "avepoint-exporter.validateExpectations" -}}
{{- $path := index . 0 -}}
{{- range $index, $exception := dig "exceptions" list (default dict (index . 1)) -}}
{{- if not (or $exception.customers $exception.products $exception.workloads) -}}
{{- fail (printf "%s.exceptions[%d] contains no customers, products or workloads; set one of them." $path $index) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The credentials of one account: list PATH AUTH. */}}
{{- define "avepoint-exporter.validateAuth" -}}
{{- $path := index . 0 -}}
{{- $auth := index . 1 -}}
{{- $existing := default dict $auth.existing_secret -}}
{{- $given := list -}}
{{- range $key := list "existing_secret" "client_secret" "client_secret_file" "certificate" "certificate_file" -}}
{{- if index $auth $key }}{{ $given = append $given (printf "%s.%s" $path $key) }}{{ end -}}
{{- end -}}
{{- if not $given -}}
{{- fail (printf "%s has no credentials; set one of existing_secret, client_secret, certificate, client_secret_file, certificate_file." $path) -}}
{{- end -}}
{{- include "avepoint-exporter.onlyOne" $given -}}
{{- if $auth.existing_secret -}}
{{- if and $existing.client_secret_key $existing.certificate_key -}}
{{- include "avepoint-exporter.onlyOne" (list (printf "%s.existing_secret.client_secret_key" $path) (printf "%s.existing_secret.certificate_key" $path)) -}}
{{- end -}}
{{- if not (or $existing.client_secret_key $existing.certificate_key) -}}
{{- fail (printf "%s.existing_secret names no key; set client_secret_key or certificate_key." $path) -}}
{{- end -}}
{{- if and $existing.certificate_password_key (not $existing.certificate_key) -}}
{{- fail (printf "%s.existing_secret.certificate_password_key needs certificate_key." $path) -}}
{{- end -}}
{{- end -}}
{{- range $key := list "certificate" "certificate_file" -}}
{{- $password := $key | replace "certificate" "certificate_password" -}}
{{- if and (index $auth $password) (not (index $auth $key)) -}}
{{- fail (printf "%s.%s needs %s." $path $password $key) -}}
{{- end -}}
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
{{- if and (or $web.tls.secretName $web.tls.clientCAKey) (not $web.tls.enabled) -}}
{{- fail "web.tls.secretName and web.tls.clientCAKey need web.tls.enabled." -}}
{{- end -}}
{{- if or $web.existingSecret.verifiesClients $web.existingSecret.basicAuth -}}
{{- fail "web.existingSecret.verifiesClients and web.existingSecret.basicAuth need web.existingSecret.name." -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The number of seconds of a duration of Prometheus, such as 1m30s. */}}
{{- define "avepoint-exporter.seconds" -}}
{{- $milliseconds := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 -}}
{{- $total := 0 -}}
{{- range regexFindAll "[0-9]+(ms|[smhdw])" . -1 -}}
{{- $total = add $total (mul (regexFind "^[0-9]+" . | int) (index $milliseconds (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- divf $total 1000 -}}
{{- end -}}

{{- define "avepoint-exporter.validateMonitors" -}}
{{- $root := . -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- include "avepoint-exporter.onlyOne" (list "serviceMonitor.enabled" "podMonitor.enabled") -}}
{{- end -}}
{{- range $name := list "serviceMonitor" "podMonitor" -}}
{{- $monitor := index $root.Values $name -}}
{{- if $monitor.enabled -}}
{{- if and $root.Values.web.tls.enabled (not $monitor.tlsConfig) -}}
{{- fail (printf "%s.tlsConfig is needed with web.tls.enabled; it sets how Prometheus verifies the certificate." $name) -}}
{{- end -}}
{{- if and (include "avepoint-exporter.basicAuth" $root) (not $monitor.basicAuth) -}}
{{- fail (printf "%s.basicAuth is needed with basic authentication; it names the Secret with the user name and password of Prometheus." $name) -}}
{{- end -}}
{{- if contains "@" (default "" $monitor.proxyUrl) -}}
{{- fail (printf "%s.proxyUrl contains credentials, which anyone who can read the object could read; use scrapeClass, or a proxy without a password." $name) -}}
{{- end -}}
{{- if and $monitor.interval $monitor.scrapeTimeout (gt (include "avepoint-exporter.seconds" $monitor.scrapeTimeout | float64) (include "avepoint-exporter.seconds" $monitor.interval | float64)) -}}
{{- fail (printf "%s.scrapeTimeout is longer than interval; shorten scrapeTimeout." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.validateStorage" -}}
{{- $storage := .Values.persistence -}}
{{- $sharded := include "avepoint-exporter.sharded" . -}}
{{- $shared := .Values.storage.existingSecret.name -}}
{{- if and $shared $storage.enabled -}}
{{- include "avepoint-exporter.onlyOne" (list "storage.existingSecret.name" "persistence.enabled") -}}
{{- end -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- if not $shared -}}
{{- fail "replicas above 1 needs storage.existingSecret.name, the database that the replicas share." -}}
{{- end -}}
{{- if $sharded -}}
{{- fail "replicas above 1 cannot be used with shards; each shard has one pod, which Kubernetes restarts. Set replicas or shards to 1." -}}
{{- end -}}
{{- end -}}
{{- if and $storage.existingClaim (not $storage.enabled) -}}
{{- fail "persistence.existingClaim needs persistence.enabled." -}}
{{- end -}}
{{- if and $storage.existingClaim $sharded -}}
{{- fail "persistence.existingClaim is one volume, but each shard needs its own volume; leave the value empty." -}}
{{- end -}}
{{- if and .Values.persistentVolumeClaimRetentionPolicy (not (and $storage.enabled $sharded)) -}}
{{- fail "persistentVolumeClaimRetentionPolicy needs persistence.enabled and shards above 1." -}}
{{- end -}}
{{- end -}}

{{- define "avepoint-exporter.validatePods" -}}
{{- $type := default "" (default dict .Values.updateStrategy).type -}}
{{- $sharded := include "avepoint-exporter.sharded" . -}}
{{- if and $sharded (eq $type "Recreate") -}}
{{- fail "updateStrategy.type Recreate cannot be used with shards; set RollingUpdate or OnDelete." -}}
{{- end -}}
{{- if and (eq $type "OnDelete") (not $sharded) -}}
{{- fail "updateStrategy.type OnDelete needs shards above 1; set RollingUpdate or Recreate." -}}
{{- end -}}
{{- if and (eq .Values.dnsPolicy "None") (not (default dict .Values.dnsConfig).nameservers) -}}
{{- fail "dnsPolicy None needs dnsConfig.nameservers." -}}
{{- end -}}
{{- if and .Values.serviceAccount.annotations (not .Values.serviceAccount.create) -}}
{{- fail "serviceAccount.annotations needs serviceAccount.create; annotate an existing service account yourself." -}}
{{- end -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository is empty; set the repository of the image." -}}
{{- end -}}
{{- $first := splitList "/" .Values.image.repository | first -}}
{{- /* With another registry, the first part of the repository can name the registry that this registry mirrors. */ -}}
{{- $isDefault := and (eq (default "" .Values.image.registry) "ghcr.io") (not .Values.global.imageRegistry) -}}
{{- if and $isDefault (contains "/" .Values.image.repository) (or (contains "." $first) (eq $first "localhost")) -}}
{{- fail (printf "image.repository begins with the registry %s; set image.registry to it, and remove it from image.repository." $first) -}}
{{- end -}}
{{- end -}}
